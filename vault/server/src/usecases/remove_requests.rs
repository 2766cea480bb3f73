//! Requests have a time of their own: answered ones are removed when it is over, with what was said about them.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::time::Timestamp;
use coffre_policies::Labels;
use coffre_store::transactions::RemoveRequests;
use serde::Serialize;

use super::failure::Failure;
use super::keeper::Keeper;
use super::prune_log::Caller;

/// How requests stand with their time.
#[derive(Debug, Serialize)]
pub(crate) struct RequestStanding {
    keep: String,
    source: Labels,
    /// Answered ones that are past it, and that nothing else keeps.
    past: u64,
}

impl Keeper {
    /// How requests stand with their time.
    pub(super) async fn request_standing(self: &Arc<Self>) -> Result<RequestStanding, Failure> {
        let (past, rule) = (self.past_requests(usize::MAX).await?, self.policies.request_retention());
        Ok(RequestStanding { keep: rule.keep.to_string(), source: rule.source.clone(), past })
    }

    /// Removes those that are past their time; gives how many.
    pub(super) async fn remove_requests(self: &Arc<Self>, caller: Caller<'_>) -> Result<u64, Failure> {
        let (mut removed, answered_before) = (0, self.answered_before());
        // Whether there is one, not how many: they are many at first.
        while self.past_requests(1).await? > 0 {
            let act = RemoveRequests { answered_before };
            match self.commit_for(caller, audit::Action::RemoveRequests, act).await? {
                0 => break,
                some => removed += some,
            }
        }
        Ok(removed)
    }

    fn answered_before(&self) -> Timestamp {
        // By the clock where the log is ahead of it, as records are judged.
        self.policies.request_retention().cutoff(self.store.clock_time())
    }

    async fn past_requests(self: &Arc<Self>, most: usize) -> Result<u64, Failure> {
        let before = self.answered_before();
        self.view(move |_, snapshot| Ok(snapshot.past_requests(before, most)?)).await
    }
}
