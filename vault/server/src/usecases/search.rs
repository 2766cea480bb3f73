//! Finding records by the value of one field.
//!
//! A hit tells that the value searched for is that person's. So a record is a hit only where the
//! index's own field is open to the caller, besides at least one of the fields asked for; what the
//! caller may not read is left out without a trace in the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit::{self, GrantRef};
use coffre_core::ids::{HabilitationId, SubjectId};
use coffre_core::record::{FieldPath, Fields};
use coffre_core::search::SearchIndex;
use coffre_core::time::Timestamp;
use coffre_policies::{Action, Reason};
use coffre_store::{Hit, HitKind, Receipt, Undisclosed};
use serde::Serialize;

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, NOBODY, Question};
use super::plan::{Plan, Reading};
use crate::authorization::{Decided, Refusal};

/// So many records are looked at, hidden ones included: all of it is one look. That there are others is said, or whoever
/// may read one of them would take it for absent; it tells how common a value is, and of nobody that they have it.
const LOOKED_AT: usize = 500;
/// So many are answered; the entry names them all and has to stay within a log entry's length.
const ANSWERED: usize = 100;

/// What is asked for.
pub(crate) struct Search {
    pub(crate) kind: String,
    /// The field searched by.
    pub(crate) index: String,
    pub(crate) value: String,
    pub(crate) fields: BTreeSet<FieldPath>,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// What is answered.
#[derive(Serialize)]
pub(crate) struct SearchView {
    pub(crate) hits: Vec<HitView>,
    /// Whether there are more that the caller may read, or some that were not looked at: the term should be narrowed.
    pub(crate) more: bool,
}

/// One record that was found.
#[derive(Serialize)]
pub(crate) struct HitView {
    pub(crate) id: SubjectId,
    pub(crate) version: u32,
    /// How the term matched.
    pub(crate) matched: HitKind,
    pub(crate) fields: Fields,
    pub(crate) withheld: BTreeMap<FieldPath, Reason>,
}

/// A hit before its fields are open.
struct SealedHit {
    hit: Hit,
    version: u32,
    fields: Undisclosed<Fields>,
    withheld: BTreeMap<FieldPath, Reason>,
}

/// The two questions a search asks of each record.
struct Questions {
    find: Question,
    read: Question,
    index: SearchIndex,
    value: String,
}

impl Keeper {
    /// Searches.
    pub(crate) async fn search(self: &Arc<Self>, call: &Call, asked: Search) -> Result<(SearchView, Receipt), Failure> {
        let questions = self.questions_of_search(asked)?;
        let look = move |look: &Look<'_>| questions.plan(look);
        let ((sealed, more), receipt) = self.disclose(call, look).await?;
        let open = |SealedHit { hit, version, fields, withheld }| {
            let fields = Undisclosed::open(fields, &receipt)?;
            Ok(HitView { id: hit.subject, version, matched: hit.kind, fields, withheld })
        };
        let hits = sealed.into_iter().map(open).collect::<Result<_, Failure>>()?;
        Ok((SearchView { hits, more }, receipt))
    }

    fn questions_of_search(&self, asked: Search) -> Result<Questions, Failure> {
        let kind = self.record_type(&asked.kind)?;
        declared::has_fields(kind, &asked.fields)?;
        let index = declared::index(kind, &asked.index)?;
        if index.terms(&asked.value).is_empty() {
            return Err(Failure::EmptyTerm);
        }
        let read = Question {
            action: Action::Read,
            logged_as: audit::Action::Search,
            kind: Some(kind.name().clone()),
            fields: asked.fields,
            entire: false,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        let find = Question {
            action: Action::Search,
            fields: BTreeSet::from([index.field.clone()]),
            entire: true,
            ..read.clone()
        };
        Ok(Questions { find, read, index, value: asked.value })
    }
}

type Found = Reading<(Vec<SealedHit>, bool)>;

impl Questions {
    fn plan(&self, look: &Look<'_>) -> Result<Plan<Found>, Failure> {
        let mut plan = match self.refused_outright(look)? {
            Some((question, decided)) => look.stop(question, Vec::new(), &decided, false),
            None => self.found(look)?,
        };
        plan.draft.index = Some(self.index.field.to_string());
        Ok(plan)
    }

    /// What is refused whatever the record is refused before anything is searched.
    fn refused_outright(&self, look: &Look<'_>) -> Result<Option<(&Question, Decided)>, Failure> {
        for question in [&self.read, &self.find] {
            let decided = look.judge_at_large(question)?;
            if decided.refusal == Some(Refusal::Outright) {
                return Ok(Some((question, decided)));
            }
        }
        Ok(None)
    }

    fn found(&self, look: &Look<'_>) -> Result<Plan<Found>, Failure> {
        let mut found = look.snapshot.find(&self.index, &self.value, LOOKED_AT + 1)?;
        let mut sum = Sum { more: found.len() > LOOKED_AT, ..Sum::default() };
        found.truncate(LOOKED_AT);
        if found.is_empty() {
            let _same_work = look.judge_both([&self.find, &self.read], NOBODY)?;
        }
        for hit in found {
            let Some(readable) = self.readable(look, hit)? else { continue };
            if sum.hits.len() == ANSWERED {
                sum.more = true;
                break;
            }
            sum.add(readable);
        }
        Ok(sum.plan(look, &self.read))
    }

    /// The hit with its fields, if the caller may know of it.
    fn readable(&self, look: &Look<'_>, hit: Hit) -> Result<Option<(SealedHit, [Decided; 2])>, Failure> {
        let (state, [find, read]) = look.judge_both([&self.find, &self.read], hit.subject)?;
        match (state, &self.read.kind, find.refusal, read.refusal) {
            (Some(state), Some(kind), None, None) => {
                let opened: Vec<FieldPath> = read.opened.iter().cloned().collect();
                let fields = look.snapshot.fields(kind, hit.subject, &opened)?;
                let withheld = read.withheld.clone();
                Ok(Some((SealedHit { hit, version: state.version, fields, withheld }, [find, read])))
            }
            _ => Ok(None),
        }
    }
}

/// The hits so far, and what the one entry says of all of them.
#[derive(Default)]
struct Sum {
    hits: Vec<SealedHit>,
    more: bool,
    opened: BTreeSet<FieldPath>,
    withheld: BTreeMap<FieldPath, Reason>,
    policies: BTreeSet<String>,
    grants: Vec<GrantRef>,
    habilitations: BTreeSet<HabilitationId>,
    valid_until: Option<Timestamp>,
}

impl Sum {
    fn add(&mut self, (hit, [find, read]): (SealedHit, [Decided; 2])) {
        self.hits.push(hit);
        self.opened.extend(read.opened);
        self.withheld.extend(read.withheld);
        self.habilitations.extend(read.habilitations);
        for decided in [(find.policies, find.grants, find.valid_until), (read.policies, read.grants, read.valid_until)]
        {
            let (policies, grants, valid_until) = decided;
            self.policies.extend(policies);
            self.grants.extend(grants);
            self.valid_until = [self.valid_until, valid_until].into_iter().flatten().min();
        }
    }

    fn plan(mut self, look: &Look<'_>, question: &Question) -> Plan<Found> {
        self.grants.sort_unstable_by_key(|grant| grant.id);
        self.grants.dedup();
        self.withheld.retain(|field, _| !self.opened.contains(field));
        let decided = Decided {
            refusal: None,
            cause: None,
            opened: self.opened,
            withheld: self.withheld,
            policies: self.policies,
            grants: self.grants,
            habilitations: self.habilitations.into_iter().collect(),
            valid_until: self.valid_until,
        };
        let subjects = self.hits.iter().map(|hit| hit.hit.subject).collect();
        let claims = self.hits.iter().map(|hit| hit.fields.claim().clone()).collect();
        look.go(question, subjects, decided, Reading { claims, content: (self.hits, self.more) })
    }
}
