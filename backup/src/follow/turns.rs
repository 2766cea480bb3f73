//! The lock of a run and what is remembered, shared by the destinations that are followed to: they may copy at the same
//! time, another run may not meanwhile.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lock::{Lock, LockError};
use crate::run::{LOCK, RunError};
use crate::ship::KnownPoint;
use crate::state::{State, StateError, Target};

/// Who copies, and the lock while somebody does.
#[derive(Default)]
struct Held {
    copying: usize,
    lock: Option<Lock>,
}

/// The turns of a process.
pub(super) struct Turns<'a> {
    folder: &'a Path,
    held: Mutex<Held>,
    remembering: Mutex<()>,
}

/// One destination's turn, until it is dropped.
pub(super) struct Turn<'t>(&'t Mutex<Held>);

impl Turn<'_> {
    /// Another one of the same destination, for what goes on beside this.
    pub(super) fn another(&self) -> Self {
        locked(self.0).copying += 1;
        Self(self.0)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut held = locked(self.0);
        held.copying -= 1;
        if held.copying == 0 {
            held.lock = None;
        }
    }
}

impl<'a> Turns<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, held: Mutex::default(), remembering: Mutex::default() }
    }

    /// A turn; none while another process copies.
    pub(super) fn take(&self) -> Result<Option<Turn<'_>>, LockError> {
        let mut held = locked(&self.held);
        if held.lock.is_none() {
            match Lock::file(&self.folder.join(LOCK)) {
                Err(LockError::Held { .. }) => return Ok(None),
                lock => held.lock = Some(lock?),
            }
        }
        held.copying += 1;
        Ok(Some(Turn(&self.held)))
    }

    /// What is known of a destination.
    pub(super) fn known(&self, name: &str) -> Result<KnownPoint, StateError> {
        let _alone = locked(&self.remembering);
        let state = State::load(self.folder)?;
        Ok(state.targets.get(name).map(Target::known).unwrap_or_default())
    }

    /// Changes what is remembered. Only within a turn.
    pub(super) fn note(&self, change: impl FnOnce(&mut State)) -> Result<(), RunError> {
        let _alone = locked(&self.remembering);
        let mut state = State::load(self.folder)?;
        change(&mut state);
        Ok(state.save(self.folder)?)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a few assignments that hold together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn destinations_share_the_lock_and_give_it_up_together() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (Turns::new(folder.path()), Turns::new(folder.path()));
        let (first, second) = (ours.take().unwrap().unwrap(), ours.take().unwrap().unwrap());
        assert!(other.take().unwrap().is_none());
        let beside = first.another();
        drop(first);
        drop(beside);
        assert!(other.take().unwrap().is_none(), "the second still copies");
        drop(second);
        assert!(other.take().unwrap().is_some());
    }
}
