//! Decisions already made. Equal questions have equal answers for as long as the policy set is the
//! same, and a question holds no time and no identifier, so an answer never goes stale.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use coffre_core::grant::{Basis, Grant, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Action, Condition, Decision, GrantFacts, OperatorFacts, Policies, Question};

/// Beyond this many it starts again: the questions of a day are far fewer.
const CAPACITY: usize = 4096;

/// The policies, and what they have decided.
pub(super) struct Memo {
    policies: Arc<Policies>,
    hasher: RandomState,
    /// By the question's hash: nothing is copied to find an answer. Of two questions with the same hash the later one is known.
    decided: RwLock<HashMap<u64, (Question, Arc<Decision>)>>,
}

impl Memo {
    pub(super) fn new(policies: Arc<Policies>) -> Self {
        Self { policies, hasher: RandomState::new(), decided: RwLock::default() }
    }

    /// The policies' answer.
    pub(super) fn decide(&self, asking: &Asking<'_>) -> Arc<Decision> {
        let hash = self.hasher.hash_one(asking);
        if let Some((question, decision)) = self.decided.read().unwrap_or_else(PoisonError::into_inner).get(&hash)
            && Asking::of(question) == *asking
        {
            return Arc::clone(decision);
        }
        let question = asking.question();
        let decision = Arc::new(self.policies.decide(&question));
        let mut decided = self.decided.write().unwrap_or_else(PoisonError::into_inner);
        if decided.len() >= CAPACITY {
            decided.clear();
        }
        decided.insert(hash, (question, Arc::clone(&decision)));
        decision
    }
}

/// A [`Question`] whose parts stay where they are: most were asked before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Asking<'q> {
    pub(super) role: Role,
    pub(super) action: Action,
    pub(super) record_type: Option<&'q RecordTypeName>,
    pub(super) fields: &'q BTreeSet<FieldPath>,
    pub(super) purpose: Option<&'q str>,
    pub(super) grant: Option<ReliedOn<'q>>,
    pub(super) restricted: bool,
    pub(super) archived: &'q BTreeSet<Category>,
    pub(super) operator: &'q OperatorFacts,
}

/// The same of [`GrantFacts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ReliedOn<'q> {
    role: Role,
    purpose: &'q str,
    fields: &'q BTreeSet<FieldPath>,
    basis: Basis,
    article9: Option<Condition>,
    state: GrantState,
}

impl<'q> ReliedOn<'q> {
    /// A grant at a moment. A condition of article 9 that does not exist is none.
    pub(super) fn at(grant: &'q Grant, now: Timestamp) -> Self {
        let terms = &grant.terms;
        Self {
            role: terms.role,
            purpose: &terms.purpose,
            fields: &terms.fields,
            basis: terms.basis,
            article9: terms.article9.as_deref().and_then(|letter| letter.parse().ok()),
            state: grant.state(now),
        }
    }

    fn of(facts: &'q GrantFacts) -> Self {
        let GrantFacts { role, purpose, fields, basis, article9, state } = facts;
        Self { role: *role, purpose, fields, basis: *basis, article9: *article9, state: *state }
    }

    fn facts(self) -> GrantFacts {
        let Self { role, purpose, fields, basis, article9, state } = self;
        GrantFacts { role, purpose: purpose.to_owned(), fields: fields.clone(), basis, article9, state }
    }
}

impl<'q> Asking<'q> {
    fn of(question: &'q Question) -> Self {
        let Question { role, action, record_type, fields, purpose, grant, restricted, archived, operator } = question;
        Self {
            role: *role,
            action: *action,
            record_type: record_type.as_ref(),
            fields,
            purpose: purpose.as_deref(),
            grant: grant.as_ref().map(ReliedOn::of),
            restricted: *restricted,
            archived,
            operator,
        }
    }

    fn question(&self) -> Question {
        Question {
            role: self.role,
            action: self.action,
            record_type: self.record_type.cloned(),
            fields: self.fields.clone(),
            purpose: self.purpose.map(str::to_owned),
            grant: self.grant.map(ReliedOn::facts),
            restricted: self.restricted,
            archived: self.archived.clone(),
            operator: self.operator.clone(),
        }
    }
}
