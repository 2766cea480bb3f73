//! The directory that is restored into: empty at first, then marked by a journal that says for which
//! point, so that an interrupted restore is taken up and nothing else is ever overwritten.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use coffre_core::spool::{Chain, Known, RestorePoint};
use rustix::fs::Access;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::RestoreError;
use super::plan::MOMENT;
use crate::durable;
use crate::lock::Lock;

/// Says which point is being restored here.
const JOURNAL: &str = ".coffre-restore.json";
/// The journal before it has its name.
const NEW_JOURNAL: &str = ".coffre-restore.new";
/// Files that are not whole yet.
const INCOMING: &str = ".coffre-incoming";
const FORMAT: &str = "coffre/restore-journal/v1";

/// The point that a directory was begun for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Journal {
    format: String,
    main: Known,
    keyring: Known,
}

/// A directory that belongs to one restore and is locked for it.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    _lock: Lock,
}

/// Whether a restore was begun in a directory and has not ended. Such a directory is no vault yet, even if it opens:
/// the restore, run again, would take back whatever was written to it meanwhile.
pub fn is_under_way(directory: &Path) -> bool {
    directory.join(JOURNAL).symlink_metadata().is_ok()
}

/// Whether a restore into a directory can begin, or perhaps go on. To be asked before anything is asked of people or
/// fetched; the directory is claimed later.
pub fn may_begin_in(directory: &Path) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Io { path: directory.display().to_string(), source };
    if !directory.try_exists().map_err(failed)? {
        return may_be_made(directory);
    }
    match journal_in(directory).map_err(failed)? {
        Some(_) => Ok(()),
        None => must_be_empty(directory),
    }
}

fn may_be_made(directory: &Path) -> Result<(), RestoreError> {
    let beside = directory.parent().unwrap_or(directory);
    let failed = |error: Errno| RestoreError::Io { path: beside.display().to_string(), source: error.into() };
    rustix::fs::access(beside, Access::WRITE_OK | Access::EXEC_OK).map_err(failed)
}

fn must_be_empty(root: &Path) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Io { path: root.display().to_string(), source };
    for entry in fs::read_dir(root).map_err(failed)? {
        // A journal that did not get its name is from a restore that had not begun.
        if entry.map_err(failed)?.file_name() != NEW_JOURNAL {
            return Err(RestoreError::NotEmpty { directory: root.display().to_string() });
        }
    }
    Ok(())
}

fn journal_in(root: &Path) -> io::Result<Option<Journal>> {
    match fs::read(root.join(JOURNAL)) {
        // One that cannot be understood is somebody else's: then the directory is not empty.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().filter(|found: &Journal| found.format == FORMAT)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Directory {
    /// Claims an empty directory, making it if needed, or one that was claimed for the same point.
    pub(super) fn claim(root: &Path, point: &RestorePoint) -> Result<Self, RestoreError> {
        let failed = |source| RestoreError::Io { path: root.display().to_string(), source };
        match DirBuilder::new().mode(0o700).create(root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let directory = Self { root: root.to_owned(), _lock: Lock::folder(root)? };
        let journal =
            Journal { format: FORMAT.to_owned(), main: Known::of(&point.main), keyring: Known::of(&point.keyring) };
        match journal_in(root).map_err(failed)? {
            Some(found) if found == journal => {}
            Some(found) => {
                let point = format!("generation {}, number {}", found.main.generation, found.main.number);
                return Err(RestoreError::OtherPoint { directory: root.display().to_string(), point });
            }
            None => directory.begin(&journal)?,
        }
        directory.clear_leftovers().map_err(failed)?;
        DirBuilder::new().mode(0o700).create(directory.incoming()).map_err(failed)?;
        Ok(directory)
    }

    fn begin(&self, journal: &Journal) -> Result<(), RestoreError> {
        must_be_empty(&self.root)?;
        let failed = |source| RestoreError::Io { path: self.root.display().to_string(), source };
        fs::set_permissions(&self.root, Permissions::from_mode(0o700)).map_err(failed)?;
        let text = serde_json::to_vec(journal).map_err(|error| failed(error.into()))?;
        durable::replace(&self.root.join(JOURNAL), &text, 0o600).map_err(failed)
        // Durable: the directory is ours.
    }

    /// Removes files that are not whole, and what a vault that was opened here too early left beside
    /// its databases: it would be applied to the ones fetched again.
    fn clear_leftovers(&self) -> io::Result<()> {
        let absent_is_fine = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        absent_is_fine(fs::remove_dir_all(self.incoming()))?;
        for file in Chain::ALL.map(Chain::file).iter().chain(&[MOMENT]) {
            for suffix in ["-wal", "-shm", "-journal"] {
                absent_is_fine(fs::remove_file(self.root.join(format!("{file}{suffix}"))))?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier run fetched of a moment, where records are not set back any more.
    pub(super) fn forget_moment(&self) -> Result<(), RestoreError> {
        let path = self.root.join(MOMENT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(RestoreError::Io { path: path.display().to_string(), source: error })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    /// Makes everything in the directory's file system durable, names included.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.root)?)?)
    }

    /// Gives the directory up: it holds a whole vault, and is no restore any more.
    pub(super) fn finish(self) -> io::Result<()> {
        fs::remove_dir_all(self.incoming())?;
        fs::remove_file(self.root.join(JOURNAL))?;
        durable::sync_folder(&self.root)
    }
}
