//! The decision on one call: the policies' answers for the grants chosen, put together.
//!
//! Several grants may open what one alone does not: the one that opens most is asked first, then the
//! next for what is left, and at last no grant at all, for roles that need none.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::grant::{Grant, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Action, Decision, OperatorFacts, Policies, Reason};

use super::candidate;
use super::decided::{Decided, Refusal, Sum};
use super::memo::{Asking, Memo, ReliedOn};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) role: Role,
    pub(crate) action: Action,
    /// None for the log.
    pub(crate) record_type: Option<&'a RecordTypeName>,
    /// Empty for a record as a whole.
    pub(crate) fields: &'a BTreeSet<FieldPath>,
    /// Whether one closed field closes the whole: nothing is written or found by halves.
    pub(crate) entire: bool,
    pub(crate) purpose: Option<&'a str>,
    /// What is known of the operator.
    pub(crate) operator: OperatorFacts,
}

/// How a record stands at the moment of the decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// Its grants, whatever their state.
    pub(crate) grants: &'a [Grant],
    /// Whether its processing is restricted.
    pub(crate) restricted: bool,
    /// Its categories that are set apart in the intermediate archive.
    pub(crate) archived: &'a BTreeSet<Category>,
    /// Now.
    pub(crate) now: Timestamp,
}

/// Nothing is set apart.
pub(super) static NOTHING: BTreeSet<Category> = BTreeSet::new();

impl Standing<'_> {
    /// That of no record in particular.
    fn of_none() -> Self {
        Self { grants: &[], restricted: false, archived: &NOTHING, now: Timestamp::from_micros(0) }
    }

    fn opens_something_to(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.terms.role == role && grant.state(self.now) == GrantState::Valid)
    }
}

/// Decides, and remembers the policies' answers.
pub(crate) struct Decider {
    memo: Memo,
}

impl Decider {
    pub(crate) fn new(policies: Arc<Policies>) -> Self {
        Self { memo: Memo::new(policies) }
    }

    /// Decides on a record as it stands; `None` for a record that does not exist, and for what
    /// concerns no record.
    pub(crate) fn decide(&self, asked: &Asked<'_>, standing: Option<Standing<'_>>) -> Decided {
        let sum = self.rounds(asked, standing.unwrap_or(Standing::of_none()));
        if sum.is_allowed() {
            return sum.decided(None);
        }
        let general = self.ask(asked, asked.fields, None, Standing::of_none());
        let a_grant_could_help = general.withheld.values().any(|reason| *reason == Reason::NoGrant);
        if !general.allowed && !a_grant_could_help {
            // Said openly, so it tells why no record is opened, and nothing of how this one stands.
            let mut whatever_the_record = Sum::new(asked.fields, asked.entire);
            whatever_the_record.add(&general, None);
            return whatever_the_record.decided(Some(Refusal::Outright));
        }
        let readable = standing.is_some_and(|standing| general.allowed || standing.opens_something_to(asked.role));
        sum.decided(Some(if readable { Refusal::OfReadable } else { Refusal::Hidden }))
    }

    fn rounds(&self, asked: &Asked<'_>, standing: Standing<'_>) -> Sum {
        let mut grants = match asked.purpose {
            Some(purpose) => candidate::of_role(standing.grants, asked.role, purpose),
            None => Vec::new(),
        };
        let mut sum = Sum::new(asked.fields, asked.entire);
        while let Some(grant) = candidate::best(&grants, sum.left(), standing.now) {
            sum.add(&self.ask(asked, sum.left(), Some(grant), standing), Some(grant));
            grants.retain(|other| other.id != grant.id);
        }
        if sum.is_undecided() {
            sum.add(&self.ask(asked, sum.left(), None, standing), None);
        }
        if !sum.is_allowed()
            && let Some(grant) = candidate::nearest(&grants, sum.left(), standing.now)
        {
            sum.explain(&self.ask(asked, sum.left(), Some(grant), standing), grant);
        }
        sum
    }

    fn ask(
        &self,
        asked: &Asked<'_>,
        fields: &BTreeSet<FieldPath>,
        grant: Option<&Grant>,
        standing: Standing<'_>,
    ) -> Arc<Decision> {
        self.memo.decide(&Asking {
            role: asked.role,
            action: asked.action,
            record_type: asked.record_type,
            fields,
            purpose: asked.purpose,
            grant: grant.map(|grant| ReliedOn::at(grant, standing.now)),
            restricted: standing.restricted,
            archived: standing.archived,
            operator: &asked.operator,
        })
    }
}
