//! A decision with the policies that made it, in words: what `coffre policy explain` shows.

use crate::cedar::PolicyNote;
use crate::decide::{Decision, Outcome};
use crate::policies::Policies;
use crate::question::Question;
use crate::reason::Reason;

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// What was decided of each resource, in the order of the question's fields.
    pub steps: Vec<Step>,
}

/// What was decided of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The field; for an action on the whole, the record type or `audit log`.
    pub resource: String,
    /// Why it is refused; none when it is open.
    pub refused: Option<Reason>,
    /// The policies that determined it.
    pub policies: Vec<PolicyNote>,
    /// What could not be evaluated.
    pub failures: Vec<String>,
}

impl Policies {
    /// Decides a question and says how.
    pub fn explain(&self, question: &Question) -> Explanation {
        let steps = self.outcomes(question).into_iter().map(|outcome| self.step(question, outcome)).collect();
        Explanation { decision: self.decide(question), steps }
    }

    fn step(&self, question: &Question, outcome: Outcome) -> Step {
        let whole = || question.record_type.as_ref().map_or_else(|| "audit log".to_owned(), ToString::to_string);
        let notes = self.engine().notes();
        Step {
            resource: outcome.field.map_or_else(whole, |field| field.to_string()),
            refused: outcome.refused,
            policies: outcome.policies.iter().filter_map(|id| notes.get(id)).cloned().collect(),
            failures: outcome.failures,
        }
    }
}
