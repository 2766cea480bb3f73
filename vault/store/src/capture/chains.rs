//! The three chains in the spool, how far they are, and taking them on by what was committed.

use super::door::Door;
use super::ends::Ends;
use super::frames::Logs;
use super::links::Links;
use super::spool::Spool;
use super::step::{StepError, Stepper};
use super::watch::Mark;

/// The chains in the spool and how far they are. Used by one thread at a time.
pub(super) struct Chains {
    pub(super) spool: Spool,
    pub(super) links: Links,
    pub(super) logs: Logs,
    /// None when they cannot be gone on with.
    pub(super) ends: Option<Ends>,
    /// Committed and not captured yet.
    pub(super) pending: Option<Mark>,
    /// Whether the ends may lie further than they are known to: a segment that failed may be there all the same.
    pub(super) unsure: bool,
}

impl Chains {
    pub(super) fn take_in(&mut self, told: Option<Mark>) {
        match (&mut self.pending, told) {
            (Some(pending), Some(told)) => pending.then(told),
            (pending @ None, told) => *pending = told,
            (Some(_), None) => {}
        }
    }

    /// Goes on from nothing but the next base backup.
    pub(super) fn forget(&mut self) {
        (self.ends, self.pending, self.unsure) = (None, None, false);
    }

    /// Captures what is pending.
    pub(super) fn step(&mut self, door: &Door) -> Result<(), StepError> {
        let (Some(ends), Some(mark), false) = (&mut self.ends, &self.pending, self.unsure) else { return Ok(()) };
        self.spool.has_room()?;
        let stepped = Stepper { door, spool: &self.spool, logs: &mut self.logs, mark }.run(ends);
        self.unsure = self.spool.take_unsure();
        stepped?;
        door.shared.watch.captured(mark.frames, ends.newest);
        self.pending = None;
        Ok(())
    }
}
