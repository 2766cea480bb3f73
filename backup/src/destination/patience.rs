//! How long to wait before a place elsewhere is asked again: what a network loses is often there a moment later.

use std::thread;
use std::time::Duration;

/// The waits between tries: each four times as long as the one before.
const WAITS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_600),
    Duration::from_millis(6_400),
];

/// Tries of one request.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failed: usize,
}

impl Patience {
    /// Waits before the next try; false when it is time to give up.
    pub(super) fn wait(&mut self) -> bool {
        let Some(wait) = WAITS.get(self.failed) else { return false };
        self.failed += 1;
        thread::sleep(*wait);
        true
    }

    /// Whether an earlier try may have been carried out without our learning of it.
    pub(super) const fn tried_before(&self) -> bool {
        self.failed > 0
    }
}
