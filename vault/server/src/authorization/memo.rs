//! Decisions already made. Equal questions have equal answers for as long as the policy set is the
//! same, and a question holds no time and no identifier, so an answer never goes stale.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use coffre_policies::{Decision, Policies, Question};

/// Beyond this many it starts again: the questions of a day are far fewer.
const CAPACITY: usize = 4096;

/// The policies, and what they have decided.
pub(super) struct Memo {
    policies: Arc<Policies>,
    decided: RwLock<HashMap<Question, Arc<Decision>>>,
}

impl Memo {
    pub(super) fn new(policies: Arc<Policies>) -> Self {
        Self { policies, decided: RwLock::new(HashMap::new()) }
    }

    /// The policies' answer.
    pub(super) fn decide(&self, question: Question) -> Arc<Decision> {
        if let Some(known) = self.decided.read().unwrap_or_else(PoisonError::into_inner).get(&question) {
            return Arc::clone(known);
        }
        let decision = Arc::new(self.policies.decide(&question));
        let mut decided = self.decided.write().unwrap_or_else(PoisonError::into_inner);
        if decided.len() >= CAPACITY {
            decided.clear();
        }
        decided.insert(question, Arc::clone(&decision));
        decision
    }
}
