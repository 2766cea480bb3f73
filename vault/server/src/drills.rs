//! What the service needs to hold drills. Fetching a backup is the business of another crate, which this one does not
//! know: whoever starts the service hands in the means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coffre_core::drill::DrillResult;

/// Restores a backup, opens it beside the running vault, and leaves nothing of it behind.
pub trait Drills: fmt::Debug + Send + Sync {
    /// The names of the places that can be restored from.
    fn destinations(&self) -> Vec<String>;

    /// Holds a drill that has begun: fills in what was found, or why it failed. Asks now and then whether to stop.
    /// Runs on a thread that may block.
    fn hold(&self, begun: DrillResult, stop: &dyn Fn() -> bool) -> DrillResult;
}

/// How drills are held.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// Who holds them.
    pub holder: Arc<dyn Drills>,
    /// How long ago the last one that passed may be.
    pub objective: Duration,
    /// In how many drills everything is decrypted once.
    pub slices: u32,
}
