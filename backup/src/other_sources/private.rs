//! A folder that this account alone can enter, for what lies in clear for a moment. It has the name of its source, so
//! that the next run finds what a killed one left in it, and removes it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::error::ReadError;
use crate::lock::{Lock, LockError};

/// The folder of a source while it is read. Removed, with what is in it, when dropped.
#[derive(Debug)]
pub(super) struct Private {
    folder: PathBuf,
    _lock: Option<Lock>,
}

impl Private {
    /// Takes the folder of a source, empty. Whoever asks has the lock of the source.
    pub(super) fn claim(parent: &Path, name: &str) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Scratch { path: parent.to_owned(), source };
        let folder = parent.join(format!("coffre-source-{name}"));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_ours_alone(&folder).map_err(failed)? {
                    return Err(ReadError::Taken { path: folder });
                }
            }
            Err(error) => return Err(failed(error)),
        }
        let lock = match Lock::folder(&folder) {
            Ok(lock) => Some(lock),
            // A source of this name in another configuration.
            Err(held @ LockError::Held { .. }) => return Err(held.into()),
            // Not every file system locks folders; the lock of the source has to do there.
            Err(LockError::Io { .. }) => None,
        };
        let claimed = Self { folder, _lock: lock };
        empty(&claimed.folder).map_err(failed)?;
        Ok(claimed)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "a copy of a source is left over: remove the folder");
        }
    }
}

/// Whether it is a folder, and no link to one, that nobody else owns or may enter.
fn is_ours_alone(folder: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(folder)?;
    let own = rustix::process::geteuid().as_raw();
    let is_open_to_others = metadata.mode() & 0o077 != 0;
    Ok(metadata.is_dir() && metadata.uid() == own && !is_open_to_others)
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::ending::{Ending, Ends as _};

    fn ending(result: Result<Private, ReadError>) -> Ending {
        result.unwrap_err().ending()
    }

    #[test]
    fn what_a_killed_run_left_is_removed_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("coffre-source-legal");
        DirBuilder::new().mode(0o700).create(&folder).unwrap();
        fs::write(folder.join("copy"), "in clear").unwrap();
        fs::create_dir(folder.join("more")).unwrap();
        let claimed = Private::claim(parent.path(), "legal").unwrap();
        assert_eq!(claimed.path(), folder);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let again = ending(Private::claim(parent.path(), "legal"));
        assert_eq!(again, Ending::Busy, "another configuration names a source alike");
        let _other = Private::claim(parent.path(), "sales").unwrap();
        drop(claimed);
        assert!(!folder.exists());
    }

    #[test]
    fn a_folder_that_others_can_enter_or_a_link_to_one_is_left_alone() {
        let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("kept"), "kept").unwrap();
        symlink(elsewhere.path(), parent.path().join("coffre-source-legal")).unwrap();
        assert_eq!(ending(Private::claim(parent.path(), "legal")), Ending::Failure);
        assert!(elsewhere.path().join("kept").exists());

        let open = parent.path().join("coffre-source-sales");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(ending(Private::claim(parent.path(), "sales")), Ending::Failure);
        assert!(open.exists());
    }
}
