//! The three chains in the spool, how far they are, and taking them on by what was committed.

use super::door::Door;
use super::ends::Ends;
use super::frames::Logs;
use super::links::Links;
use super::spool::Spool;
use super::step::{StepError, Stepper};
use super::watch::{Changes, Mark};
use super::{CaptureError, landmark::Landmark};
use crate::log_file::Tail;
use crate::writer::{Files, Leave, checkpoint_all};

/// More document bytes than this are never copied on the writer's thread.
const LITTLE: u64 = 32 << 20;

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
        let (Some(ends), Some(mark), false) = (&mut self.ends, &mut self.pending, self.unsure) else { return Ok(()) };
        self.spool.has_room()?;
        let frames = mark.frames;
        let stepped = Stepper { door, spool: &self.spool, logs: &mut self.logs, mark }.run(ends);
        self.unsure = self.spool.take_unsure();
        stepped?;
        door.shared.watch.captured(frames, ends.newest);
        self.pending = None;
        Ok(())
    }

    /// Captures the last frames and takes the logs into the database files, on the writer's thread; false where that would
    /// take long, or the chains cannot be gone on with.
    pub(super) fn take_everything(
        &mut self,
        door: &Door,
        files: &Files,
        tail: &Tail,
        leave: Leave,
    ) -> Result<bool, StepError> {
        let shared = &door.shared;
        self.take_in(shared.watch.told());
        self.take_in(Some(files.mark(tail, Changes::default())));
        let documents = self.pending.iter().flat_map(|mark| mark.documents.added.values());
        let little = documents.map(|entry| entry.size).sum::<u64>() <= LITTLE;
        if !little || self.ends.is_none() || self.unsure {
            return Ok(false);
        }
        self.step(door)?;
        let checkpointed = checkpoint_all(shared, files, leave);
        // A log that was taken in begins anew, and all of it is captured, whatever became of the others.
        for ((_, end), frames) in self.ends.iter_mut().flat_map(Ends::all_mut).zip(files.reported()) {
            if frames == 0 {
                end.wal = None;
            }
        }
        checkpointed.map_err(CaptureError::Database)?;
        shared.watch.checkpointed();
        if let Some(ends) = &self.ends {
            Landmark::write(&shared.layout, door.generation, ends.last()).map_err(CaptureError::Read)?;
        }
        Ok(true)
    }
}
