//! How long each phase of a drill takes, by what the restore says it is doing; and the wish that the drill stop, as after
//! too long a time: whoever keeps a place can have it drip what it holds, and would keep all others from their turn.

use std::time::{Duration, Instant};

use coffre_backup::{Observer, Progress, Stage};
use coffre_core::drill::{Phase, Took};

/// Runs while a drill is held.
pub(super) struct PhaseClock<'a> {
    phase: Phase,
    since: Instant,
    took: Took,
    /// When it has taken too long.
    until: Option<Instant>,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> PhaseClock<'a> {
    pub(super) fn start(longest: Duration, stop: &'a dyn Fn() -> bool) -> Self {
        let since = Instant::now();
        Self { phase: Phase::Plan, since, took: Took::default(), until: since.checked_add(longest), stop }
    }

    /// A phase begins, or goes on.
    pub(super) fn enter(&mut self, phase: Phase) {
        if phase != self.phase {
            self.took.add(self.phase, milliseconds(self.since));
            (self.phase, self.since) = (phase, Instant::now());
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the drill has taken too long.
    pub(super) fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    pub(super) fn stop(mut self) -> Took {
        self.took.add(self.phase, milliseconds(self.since));
        self.took
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Observer for PhaseClock<'_> {
    fn progress(&mut self, Progress { stage, .. }: Progress) {
        match stage {
            Stage::Copying | Stage::Fetching => self.enter(Phase::Fetch),
            Stage::Replaying => self.enter(Phase::Replay),
            // What a phase looks at on its way is part of it.
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.is_late() || (self.stop)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_restore_does_is_counted_where_it_belongs() {
        let mut clock = PhaseClock::start(Duration::MAX, &|| true);
        assert!(clock.cancelled());
        let mut is_in = |stage, phase| {
            clock.progress(Progress { stage, done: 0, total: 0 });
            assert_eq!(clock.phase(), phase);
        };
        is_in(Stage::Surveying, Phase::Plan);
        is_in(Stage::Copying, Phase::Fetch);
        is_in(Stage::Verifying, Phase::Fetch);
        is_in(Stage::Replaying, Phase::Replay);
        clock.enter(Phase::Open);
        clock.since -= Duration::from_millis(1_500);
        let took = clock.stop();
        assert!((1_500..60_000).contains(&took.open), "{took:?}");
        assert_eq!(took.documents, 0);
    }

    #[test]
    fn a_drill_that_takes_too_long_stops_by_itself() {
        let starts = |longest| PhaseClock::start(longest, &|| false);
        let ends = |clock: PhaseClock<'_>| (clock.is_late(), clock.cancelled());
        assert_eq!(ends(starts(Duration::ZERO)), (true, true));
        assert_eq!([Duration::from_hours(1), Duration::MAX].map(starts).map(ends), [(false, false); 2]);
        assert_eq!(ends(PhaseClock::start(Duration::MAX, &|| true)), (false, true));
    }
}
