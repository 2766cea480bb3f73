//! The end of requests that were answered long ago: that they were made and answered need not be shown any more.

use std::collections::BTreeSet;

use coffre_core::audit::Draft;
use coffre_core::day::Day;
use coffre_core::ids::SubjectId;
use coffre_core::time::Timestamp;

use super::Transaction;
use crate::filings;
use crate::writer::{Work, WorkError};

/// So many at a time: whom they were about is named in one entry.
const MOST: usize = 400;

/// Removes requests that were answered before a moment, with all that was said about them: some of them at a time, and none
/// that something keeps.
#[derive(Debug, Clone)]
pub struct RemoveRequests {
    /// The moment.
    pub answered_before: Timestamp,
}

impl Transaction for RemoveRequests {
    /// How many were removed.
    type Output = u64;
    type Error = WorkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<u64, WorkError> {
        let past = work.try_run(filings::past(work.around.vault, self.answered_before, MOST))?;
        for (id, _) in &past {
            work.try_run(filings::remove(work.around.vault, *id))?;
        }
        let subjects: BTreeSet<SubjectId> = past.iter().map(|(_, subject)| *subject).collect();
        work.log(Draft {
            subjects: subjects.into_iter().collect(),
            target: Some(format!("{} answered before {}", past.len(), Day::of(self.answered_before))),
            cause: Some("retention".to_owned()),
            ..base
        });
        Ok(past.len() as u64)
    }
}
