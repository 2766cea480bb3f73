//! Nothing is dropped from the spool while somebody reads all of it, as restic does for a snapshot. Whoever reads says so
//! again and again, and is waited for only so long after the last word: one that was killed keeps the spool from being
//! emptied for minutes, and not for ever.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Until when nothing is dropped. Not kept: a reader tells it again soon after a start.
#[derive(Debug, Default)]
pub(crate) struct Suspension(Mutex<Option<Instant>>);

/// Something may be dropped while it lives: a suspension that is asked for meanwhile begins after that.
pub(super) struct Dropping<'s>(MutexGuard<'s, Option<Instant>>);

impl Suspension {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        // Every change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is dropped from now on, for so long; no time at all ends it. What need not stay goes with the next base
    /// backup after that. Waits for what is being dropped right now.
    pub(crate) fn suspend(&self, longest: Duration, now: Instant) {
        *self.until() = now.checked_add(longest);
    }

    /// Whoever decides what is dropped, and drops it, does so while this lives.
    pub(super) fn dropping(&self) -> Dropping<'_> {
        Dropping(self.until())
    }
}

impl Dropping<'_> {
    /// Whether nothing may go.
    pub(super) fn is_suspended(&self, now: Instant) -> bool {
        self.0.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_lasts_until_it_is_ended_or_nobody_asks_for_it_any_more() {
        let (suspension, begun) = (Suspension::default(), Instant::now());
        let (almost, minute) = (Duration::from_secs(59), Duration::from_mins(1));
        let is_suspended = |now| suspension.dropping().is_suspended(now);
        assert!(!is_suspended(begun));
        suspension.suspend(minute, begun);
        assert!(is_suspended(begun) && is_suspended(begun + almost) && !is_suspended(begun + minute));
        suspension.suspend(minute, begun + almost);
        assert!(is_suspended(begun + minute));
        suspension.suspend(Duration::ZERO, begun + minute);
        assert!(!is_suspended(begun + minute));
    }
}
