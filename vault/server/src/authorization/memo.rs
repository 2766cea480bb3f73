//! Decisions already made. Equal questions have equal answers for as long as the policy set is the
//! same, and a question holds no time and no identifier, so an answer never goes stale.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
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
    decided: RwLock<HashMap<Known, Arc<Decision>>>,
}

impl Memo {
    pub(super) fn new(policies: Arc<Policies>) -> Self {
        Self { policies, decided: RwLock::new(HashMap::new()) }
    }

    /// The policies' answer.
    pub(super) fn decide(&self, asking: &Asking<'_>) -> Arc<Decision> {
        let known: &dyn Asks = asking;
        if let Some(known) = self.decided.read().unwrap_or_else(PoisonError::into_inner).get(known) {
            return Arc::clone(known);
        }
        let question = asking.question();
        let decision = Arc::new(self.policies.decide(&question));
        let mut decided = self.decided.write().unwrap_or_else(PoisonError::into_inner);
        if decided.len() >= CAPACITY {
            decided.clear();
        }
        decided.insert(Known(question), Arc::clone(&decision));
        decision
    }
}

/// A [`Question`] whose parts stay where they are: most were asked before, and nothing is copied to find the answer.
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

impl Asking<'_> {
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

/// A question that was asked.
struct Known(Question);

/// Whatever asks: what asks the same is the same.
trait Asks {
    fn asking(&self) -> Asking<'_>;
}

impl Asks for Asking<'_> {
    fn asking(&self) -> Asking<'_> {
        *self
    }
}

impl Asks for Known {
    fn asking(&self) -> Asking<'_> {
        let Question { role, action, record_type, fields, purpose, grant, restricted, archived, operator } = &self.0;
        Asking {
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
}

impl<'q> Borrow<dyn Asks + 'q> for Known {
    fn borrow(&self) -> &(dyn Asks + 'q) {
        self
    }
}

impl PartialEq for dyn Asks + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.asking() == other.asking()
    }
}

impl Eq for dyn Asks + '_ {}

impl Hash for dyn Asks + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asking().hash(state);
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.asking() == other.asking()
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asking().hash(state);
    }
}
