//! How long checkpoints wait for a base backup. The write-ahead logs grow while one is taken, and a spool that hangs would
//! have them fill the vault's disk. So it is given up once they are longer than what is copied, or have taken half of the
//! room that there was. Checkpoints go on from there, and nobody waits for the thread that copies, which may hang in
//! the system: what it reads from then on is no copy any more, it fails of that, and the base backup is taken again.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_pages::PAGE;

use super::CaptureError;
use crate::durable::free;
use crate::writer::{Files, KEPT, Shared};

/// So many times as long as capture may be behind, and as long as the database files, is too long.
const TIMES: u64 = 16;

/// Whether checkpoints wait for a base backup.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<Base>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Base {
    /// None is taken.
    #[default]
    None,
    Taken,
    GivenUp,
}

impl Patience {
    fn base(&self) -> MutexGuard<'_, Base> {
        // Every change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A base backup begins: checkpoints wait from here on.
    pub(super) fn begin(&self) {
        *self.base() = Base::Taken;
    }

    /// It has come to its end, however it did.
    pub(super) fn end(&self) {
        *self.base() = Base::None;
    }

    /// Whether the one that is taken was given up. What was read before a moment at which it was not is what stood still.
    pub(crate) fn is_given_up(&self) -> bool {
        *self.base() == Base::GivenUp
    }

    /// An error where it was.
    pub(super) fn check(&self) -> Result<(), CaptureError> {
        if self.is_given_up() { Err(CaptureError::GivenUp) } else { Ok(()) }
    }

    /// Gives up the one that is taken, on the writer's thread; whether there was one.
    fn give_up(&self) -> bool {
        let mut base = self.base();
        let is_taken = *base == Base::Taken;
        if is_taken {
            *base = Base::GivenUp;
        }
        is_taken
    }
}

/// Gives up a base backup for which the logs grew too long, on the writer's thread; whether checkpoints go on by that.
pub(crate) fn gives_up(shared: &Shared, files: &Files) -> bool {
    let behind = bytes(shared.watch.limit());
    let longest = bytes(files.longest_kept_wal());
    if longest < behind {
        return false;
    }
    let length = |database| fs::metadata(shared.layout.database(database)).map_or(0, |metadata| metadata.len());
    let copied: u64 = KEPT.into_iter().map(length).sum();
    let free = rustix::fs::statvfs(shared.layout.root()).map_or(u64::MAX, |disk| free(&disk));
    let weighed = Weighed { longest, logs: bytes(files.kept_frames()), copied, free };
    let given_up = weighed.is_too_much(behind) && shared.watch.patience.give_up();
    if given_up {
        let cause = CaptureError::GivenUp.to_string();
        tracing::error!(cause, "a base backup is given up");
        if shared.watch.is_on() {
            shared.watch.without_base(Some(cause));
        }
    }
    given_up
}

const fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(PAGE as u64)
}

/// In bytes.
#[derive(Clone, Copy)]
struct Weighed {
    longest: u64,
    /// All logs.
    logs: u64,
    /// The database files.
    copied: u64,
    /// What the vault's disk has left.
    free: u64,
}

impl Weighed {
    /// Whether the logs are too long for a base backup, where capture may be so much behind.
    fn is_too_much(self, behind: u64) -> bool {
        let most = behind.saturating_mul(TIMES).max(self.copied);
        self.longest >= behind && (self.longest >= most || self.logs > self.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_too_long_when_they_outgrow_the_files_or_the_disk() {
        // The longest log, all of them, the files, what is left of the disk.
        for (longest, logs, copied, free, expected) in [
            (159, 300, 10, 1000, false),
            (160, 300, 10, 1000, true),
            (160, 300, 500, 1000, false),
            (500, 900, 500, 1000, true),
            (20, 40, 500, 39, true),
            (20, 40, 500, 40, false),
            // As far as that capture may be behind, whatever else happens.
            (9, 18, 1, 0, false),
        ] {
            let weighed = Weighed { longest, logs, copied, free };
            assert_eq!(weighed.is_too_much(10), expected, "{longest} {logs} {copied} {free}");
        }
    }

    #[test]
    fn only_a_base_backup_that_is_taken_is_given_up_and_the_next_one_is_not() {
        let patience = Patience::default();
        assert!(!patience.give_up() && !patience.is_given_up());
        patience.begin();
        assert!(!patience.is_given_up() && patience.check().is_ok());
        assert!(patience.give_up() && patience.is_given_up() && !patience.give_up());
        assert!(matches!(patience.check(), Err(CaptureError::GivenUp)));
        patience.end();
        assert!(!patience.is_given_up());
        patience.begin();
        assert!(!patience.is_given_up());
    }
}
