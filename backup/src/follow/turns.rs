//! The lock of a destination that is followed to, and what is remembered of it. The threads that send there, segments
//! and a base beside them, have it together; a run that copies there has it for itself meanwhile.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lock::{Lock, LockError};
use crate::run::{lock_of, lock_of_follower};
use crate::ship::KnownPoint;
use crate::state::{State, StateError, Target};

/// Who copies, and the lock while somebody does.
#[derive(Default)]
struct Held {
    copying: usize,
    lock: Option<Lock>,
}

/// The turns of this process at one destination.
pub(super) struct Turns<'a> {
    folder: &'a Path,
    lock: PathBuf,
    held: Mutex<Held>,
    /// By this a run knows that bases get there without it. A second process that follows there does without.
    _follows: Option<Lock>,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'t>(&'t Mutex<Held>);

impl Turn<'_> {
    /// Another one, for what goes on beside this.
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
    pub(super) fn new(folder: &'a Path, destination: &str) -> Self {
        let follows = Lock::file(&lock_of_follower(folder, destination)).ok();
        Self { folder, lock: lock_of(folder, destination), held: Mutex::default(), _follows: follows }
    }

    /// A turn; none while another process copies there.
    pub(super) fn take(&self) -> Result<Option<Turn<'_>>, LockError> {
        let mut held = locked(&self.held);
        if held.lock.is_none() {
            match Lock::file(&self.lock) {
                Err(LockError::Held { .. }) => return Ok(None),
                lock => held.lock = Some(lock?),
            }
        }
        held.copying += 1;
        Ok(Some(Turn(&self.held)))
    }

    /// What is known of a destination.
    pub(super) fn known(&self, name: &str) -> Result<KnownPoint, StateError> {
        let state = State::load(self.folder)?;
        Ok(state.targets.get(name).map(Target::known).unwrap_or_default())
    }

    /// Changes what is remembered of it. Only within a turn.
    pub(super) fn note(&self, change: impl FnOnce(&mut State)) -> Result<(), StateError> {
        State::change(self.folder, change)
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
    fn those_who_send_to_a_destination_share_its_lock_and_give_it_up_together() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (Turns::new(folder.path(), "usb"), Turns::new(folder.path(), "usb"));
        let (first, second) = (ours.take().unwrap().unwrap(), ours.take().unwrap().unwrap());
        assert!(other.take().unwrap().is_none());
        let beside = first.another();
        drop(first);
        drop(beside);
        assert!(other.take().unwrap().is_none(), "the second still copies");
        drop(second);
        assert!(other.take().unwrap().is_some());
    }

    #[test]
    fn who_sends_to_one_destination_keeps_nobody_from_another_and_it_shows_who_follows() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Turns::new(folder.path(), "one"), Turns::new(folder.path(), "two"));
        let _turn = one.take().unwrap().unwrap();
        assert!(two.take().unwrap().is_some());
        let follows = lock_of_follower(folder.path(), "two");
        assert!(!Lock::is_free(&follows));
        drop(two);
        assert!(Lock::is_free(&follows));
    }
}
