//! When the output of a process that has ended counts as ended. Starts nothing and looks at no clock.
//!
//! A process that it left behind may hold its output open for ever: then its own end counts. Not at once, since on a busy
//! machine what it wrote may still be on its way; and never while that still comes, however long it takes to be taken.

use std::time::{Duration, Instant};

use super::run::Exit;

/// How long nothing comes before nothing more will.
const LONG_ENOUGH: Duration = Duration::from_secs(5);

/// How long nothing has come from a process that has ended.
pub(super) struct Silence {
    exit: Exit,
    since: Instant,
}

impl Silence {
    /// It ended, and that was seen at this moment.
    pub(super) fn of(exit: Exit, now: Instant) -> Self {
        Self { exit, since: now }
    }

    /// How it ended.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// A piece came, and was taken by this moment.
    pub(super) fn broken(&mut self, now: Instant) {
        self.since = now;
    }

    /// Whether nothing more will come.
    pub(super) fn is_the_end(&self, now: Instant) -> bool {
        now.duration_since(self.since) > LONG_ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_ends_after_a_silence_and_not_while_it_is_taken_slowly() {
        let began = Instant::now();
        let after = |seconds: u64| began + Duration::from_secs(seconds);
        let mut silence = Silence::of(Exit::Code(0), began);
        assert!(!silence.is_the_end(after(5)));
        assert!(silence.is_the_end(after(6)));
        for taken in [60, 120, 180] {
            silence.broken(after(taken));
            assert!(!silence.is_the_end(after(taken + 5)), "more may be on its way");
        }
        assert!(silence.is_the_end(after(186)));
        assert_eq!(silence.exit(), Exit::Code(0));
    }
}
