//! The folder that files of a snapshot are fetched into: ours alone, locked while it is in use, removed with it. What a
//! killed process left is removed by whoever fetches into the same place next: nobody has its lock.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::lock::Lock;

/// What the names of those in use begin with.
const IN_USE: &str = ".coffre-fetched-";
/// What they begin with until they are locked.
const NOT_YET: &str = ".coffre-fetching-";

/// A folder in use. It goes away, with what is in it, when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: Option<Lock>,
}

impl Folder {
    /// A new folder, in place of what killed processes left beside it.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let random = coffre_core::crypto::hex(&random);
        let unlocked = parent.join(format!("{NOT_YET}{random}"));
        DirBuilder::new().mode(0o700).create(&unlocked)?;
        // Only what is locked gets a name that is swept. Where folders cannot be locked, none is swept either.
        let lock = Lock::folder(&unlocked).ok();
        let path = parent.join(format!("{IN_USE}{random}"));
        fs::rename(&unlocked, &path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "fetched files are left over: remove the folder");
        }
    }
}

/// Removes the folders of this account that no process uses. What cannot be removed is in nobody's way but the disk's.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if !is_one_of_ours(&entry.file_name(), &path) {
            continue;
        }
        let Ok(_lock) = Lock::folder(&path) else { continue };
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(folder = %path.display(), %error, "files fetched once are left over: remove the folder");
        }
    }
}

fn is_one_of_ours(name: &OsStr, path: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    name.to_str().is_some_and(|name| name.starts_with(IN_USE))
        && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(".coffre-fetched-0102030405060708");
        fs::create_dir_all(left.join("main")).unwrap();
        fs::write(left.join("main/object"), "ciphertext").unwrap();
        fs::write(parent.path().join(".coffre-fetched-by-somebody"), "no folder").unwrap();
        let first = Folder::new(parent.path()).unwrap();
        assert!(!left.exists());
        fs::write(first.path().join("object"), "ciphertext").unwrap();
        let second = Folder::new(parent.path()).unwrap();
        assert!(first.path().join("object").exists(), "it is in use");
        drop((first, second));
        assert_eq!(names(parent.path()), [".coffre-fetched-by-somebody"]);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("kept"), "kept").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join(".coffre-fetched-link")).unwrap();
        drop(Folder::new(parent.path()).unwrap());
        assert_eq!(names(elsewhere.path()), ["kept"]);
        assert_eq!(names(parent.path()), [".coffre-fetched-link"]);
    }
}
