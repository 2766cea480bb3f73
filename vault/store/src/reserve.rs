//! A reserve of disk, for what must be possible on a full one: to erase, to withdraw, to restrict, to revoke, to hold, to seal.
//! A file of the vault takes up the space; when the disk is full and one of those is to be done, the file is emptied, and
//! until it is whole again nothing else is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};

use crate::durable::free;
use crate::layout::Layout;

/// What a file's metadata counts its disk space in.
const BLOCK: u64 = 512;

/// What became of the reserve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// None is kept.
    #[default]
    Off,
    /// There was no space for it yet: work goes on as without one.
    Wanted,
    /// The file takes up its space.
    Whole,
    /// It was emptied for what must be possible.
    Spent,
}

/// The reserve of a vault.
pub(crate) struct Reserve {
    path: PathBuf,
    kept: Mutex<(State, u64)>,
}

impl Reserve {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { path: layout.reserve(), kept: Mutex::default() }
    }

    /// Keeps so many bytes from now on; none for 0. What was kept beyond them before is given back.
    pub(crate) fn keep(&self, bytes: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = (if bytes == 0 { State::Off } else { State::Wanted }, bytes);
        if bytes == 0 {
            self.remove();
        }
        self.take_up(&mut kept.0, bytes);
    }

    /// Whether it is emptied, and only what must be possible may be done.
    pub(crate) fn is_spent(&self) -> bool {
        self.with(|state, _| *state == State::Spent)
    }

    /// Whether it takes up its space; none where none is kept.
    pub(crate) fn is_whole(&self) -> Option<bool> {
        self.with(|state, _| (*state != State::Off).then_some(*state == State::Whole))
    }

    /// Tries to make it whole again, and says whether ordinary work may go on.
    pub(crate) fn refill(&self) -> bool {
        self.with(|state, kept| {
            let spent = *state == State::Spent;
            if spent || *state == State::Wanted {
                self.take_up(state, kept);
            }
            if spent && *state == State::Whole {
                tracing::info!("there is space again: the reserve of disk is whole");
            }
            *state != State::Spent
        })
    }

    /// Gives the space away, if there is any; says whether it is given.
    pub(crate) fn spend(&self) -> bool {
        self.with(|state, _| {
            if *state == State::Whole {
                match self.empty() {
                    Ok(()) => {
                        *state = State::Spent;
                        tracing::warn!(
                            "the disk is full: its reserve is used to erase, withdraw, restrict, revoke, hold or seal"
                        );
                    }
                    Err(error) => tracing::error!(%error, "the reserve of disk could not be used"),
                }
            }
            *state == State::Spent
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, u64) -> T) -> T {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, bytes) = &mut *kept;
        act(state, *bytes)
    }

    fn take_up(&self, state: &mut State, bytes: u64) {
        if bytes == 0 {
            return;
        }
        match self.open().and_then(|file| occupy(&file, bytes)) {
            Ok(()) => *state = State::Whole,
            Err(error) => tracing::debug!(%error, "there is no space for the reserve of disk"),
        }
    }

    fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the space of the former reserve of disk could not be given back");
            }
            _ => {}
        }
    }

    fn empty(&self) -> io::Result<()> {
        let file = self.open()?;
        file.set_len(0)?;
        file.sync_all()
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)
    }
}

/// Has a file take up so many bytes of disk, or none at all. Of more than there is, ext4 and XFS keep what they could allocate: it would fill the disk.
fn occupy(file: &File, bytes: u64) -> io::Result<()> {
    let free = free(&fstatvfs(file)?);
    let own = file.metadata()?.blocks().saturating_mul(BLOCK);
    let taken = if free.saturating_add(own) < bytes {
        Err(io::ErrorKind::StorageFull.into())
    } else {
        fallocate(file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from)
    };
    let taken = taken.and_then(|()| file.set_len(bytes)); // it may have been longer
    if taken.is_err() {
        file.set_len(0)?;
    }
    taken
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn space_is_taken_up_given_away_and_taken_up_again() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(&Layout::new(dir.path()));
        assert!(reserve.refill() && !reserve.spend() && reserve.is_whole().is_none(), "none is kept");
        reserve.keep(1 << 20);
        let length = || std::fs::metadata(dir.path().join("reserve")).unwrap().len();
        assert_eq!((reserve.is_whole(), length()), (Some(true), 1 << 20));
        assert!(reserve.spend() && reserve.is_spent());
        assert_eq!((reserve.is_whole(), length()), (Some(false), 0));
        assert!(reserve.refill() && !reserve.is_spent());
        assert_eq!((reserve.is_whole(), length()), (Some(true), 1 << 20));
    }

    #[test]
    fn what_is_not_kept_any_more_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let (layout, kept) = (Layout::new(dir.path()), |bytes| {
            let reserve = Reserve::new(&Layout::new(dir.path()));
            reserve.keep(bytes);
            reserve.is_whole()
        });
        assert_eq!(kept(1 << 20), Some(true));
        assert_eq!(kept(1 << 16), Some(true));
        assert_eq!(fs::metadata(layout.reserve()).unwrap().len(), 1 << 16, "less is kept");
        assert_eq!(kept(0), None);
        assert!(!layout.reserve().exists(), "none is kept");
    }

    /// What is left of a disk is for those who still find room in it.
    #[test]
    fn of_more_than_there_is_room_for_nothing_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(&Layout::new(dir.path()));
        reserve.keep(1 << 16);
        assert_eq!(reserve.is_whole(), Some(true));
        let disk = rustix::fs::statvfs(dir.path()).unwrap();
        reserve.keep(disk.f_bavail * disk.f_frsize + (1 << 30));
        let taken = std::fs::metadata(dir.path().join("reserve")).unwrap().blocks();
        assert_eq!((reserve.is_whole(), taken), (Some(false), 0));
        assert!(reserve.refill(), "work goes on as without one");
        reserve.keep(1 << 16);
        assert_eq!(reserve.is_whole(), Some(true));
    }

    #[test]
    fn without_space_for_it_work_goes_on_as_without_one() {
        let reserve = Reserve::new(&Layout::new(std::path::Path::new("/proc/nowhere")));
        reserve.keep(1 << 20);
        assert_eq!(reserve.is_whole(), Some(false));
        assert!(reserve.refill() && !reserve.spend());
    }
}
