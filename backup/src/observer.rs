//! Who watches a long job: is told how far it is, and may ask it to stop. Prints nothing itself.

use thiserror::Error;

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading manifests and listings.
    Surveying,
    /// Copying objects.
    Copying,
    /// restic makes a snapshot.
    Snapshot,
    /// restic removes what nothing needs.
    Pruning,
    /// Reading a source.
    Reading,
    /// restic checks its repository.
    Checking,
    /// restic fetches files.
    Fetching,
    /// Reading objects and comparing their hashes.
    Verifying,
    /// Removing copies that expire.
    Expiring,
    /// Putting segments onto base backups.
    Replaying,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Bytes done in this stage.
    pub done: u64,
    /// Bytes of this stage, as far as is known; 0 if nothing is.
    pub total: u64,
}

/// Watches a job. Called often, from the thread that does the work.
pub trait Observer {
    /// Told how far the job is.
    fn progress(&mut self, _progress: Progress) {}

    /// Asked now and then whether to stop. The job then stops where it can be continued.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
impl Observer for () {}

/// The job was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("stopped as asked: run the same command again to go on")]
pub struct Cancelled;

/// Stops the job if its observer asks for that.
pub(crate) fn check(observer: &dyn Observer) -> Result<(), Cancelled> {
    if observer.cancelled() { Err(Cancelled) } else { Ok(()) }
}
