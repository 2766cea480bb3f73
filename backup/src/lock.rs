//! A lock on a folder: one run at a time. The kernel drops it with the process that holds it, so it
//! is never stale.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use thiserror::Error;

use crate::regular;

/// A lock that was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{path} is in use by another run{}: wait until it has ended", of(*process))]
    Held {
        /// What is locked.
        path: String,
        /// The process that has it, as far as is known.
        process: Option<u32>,
    },
    /// The system refused.
    #[error("{path} cannot be locked ({source}): check that it is there and its permissions")]
    Io {
        /// What was to be locked.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

fn of(process: Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Locks by a file, which is made if it is not there and names the process that has the lock.
    pub(crate) fn file(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.display().to_string(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            // Whoever has the folder could otherwise have root write into a file of somebody else.
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(failed)?;
        if !take(&file).map_err(failed)? {
            let mut text = String::new();
            let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(LockError::Held { path: path.display().to_string(), process });
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        // For people only: the lock is the kernel's, and is there where a full disk takes no number.
        drop(note(&mut file));
        Ok(Self { file })
    }

    /// The same, after waiting for whoever has it: for what takes a moment only.
    pub(crate) fn wait(path: &Path) -> Result<Self, LockError> {
        for _ in 0..50 {
            match Self::file(path) {
                Err(LockError::Held { .. }) => {}
                other => return other,
            }
        }
        Self::file(path)
    }

    /// The locked file for a process to have open: it stays locked until that has ended, even if this one is killed.
    pub(crate) fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether nobody has the lock of this file. Where it cannot be told, as without permission, somebody may have it.
    pub(crate) fn is_free(path: &Path) -> bool {
        match regular::open(path) {
            // Shared: two who look at once do not take each other for the holder.
            Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Locks a folder itself.
    pub(crate) fn folder(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.display().to_string(), source };
        let file = File::open(path).map_err(failed)?;
        if take(&file).map_err(failed)? {
            Ok(Self { file })
        } else {
            Err(LockError::Held { path: path.display().to_string(), process: None })
        }
    }
}

/// Whether the lock was free. A holder that has just ended can have it for a moment longer, in a child process that it
/// was starting.
fn take(file: &File) -> io::Result<bool> {
    for _ in 0..20 {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::*;
    use crate::ending::{Ending, Ends as _};

    #[test]
    fn a_lock_that_a_full_disk_does_not_take_is_tried_again() {
        let ending = |kind: io::ErrorKind| LockError::Io { path: "x".to_owned(), source: kind.into() }.ending();
        assert_eq!(ending(io::ErrorKind::StorageFull), Ending::Temporary);
        assert_eq!(ending(io::ErrorKind::PermissionDenied), Ending::Usage);
    }

    #[test]
    fn what_a_link_points_at_is_left_alone() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, key) = (folder.path().join("backup.lock"), elsewhere.path().join("key"));
        fs::write(&key, "somebody else's").unwrap();
        std::os::unix::fs::symlink(&key, &path).unwrap();
        assert!(matches!(Lock::file(&path), Err(LockError::Io { .. })));
        assert!(!Lock::is_free(&path));
        assert_eq!(fs::read_to_string(&key).unwrap(), "somebody else's");
    }

    #[test]
    fn one_at_a_time_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.lock");
        let held = Lock::file(&path).unwrap();
        assert!(!Lock::is_free(&path));
        let error = Lock::file(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
        drop(held);
        drop(Lock::file(&path).unwrap());
        assert!(Lock::is_free(&path) && Lock::is_free(&folder.path().join("none")));

        let held = Lock::file(&path).unwrap();
        let shared = held.share().unwrap();
        drop(held);
        assert!(!Lock::is_free(&path), "whoever was given it has it still");
        drop(shared);
        assert!(Lock::is_free(&path));

        let held = Lock::folder(folder.path()).unwrap();
        assert!(matches!(Lock::folder(folder.path()), Err(LockError::Held { process: None, .. })));
        drop(held);
        Lock::folder(folder.path()).unwrap();
    }
}
