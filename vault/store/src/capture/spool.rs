//! Writing objects into the spool: temporary file, fsync, rename, fsync of the folder. What is
//! written can be read by the folder's group: it is ciphertext, and the backup account ships it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coffre_core::crypto::Scope;
use coffre_core::spool::{ContentHash, ObjectName, Side};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::CaptureError;
use super::copies::{Copied, copy};
use crate::durable::{free, sync_directory};

/// A spool, for one vault.
pub(super) struct Spool {
    pub(super) root: PathBuf,
    pub(super) scope: Scope,
    /// What the file is called that is being written.
    unfinished: &'static str,
    /// Folders whose new names are not durable yet.
    unsynced: RefCell<BTreeSet<PathBuf>>,
    /// Folders whose own names are durable.
    durable: RefCell<BTreeSet<PathBuf>>,
    /// Whether an object may have its name although giving it that name was reported to have failed.
    unsure: Cell<bool>,
    /// Bytes that it may take, those that it has, and when they were counted.
    limit: Option<u64>,
    bytes: Arc<AtomicU64>,
    counted: Cell<Option<Instant>>,
    lock: Arc<File>,
}

/// Says which process captures into a spool, by who has it locked.
const LOCK: &str = "capture.lock";

/// A spool that is full is counted again after so long: somebody may have made room.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// A file under a name that no reader of a spool knows; removed when dropped.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a temporary file stays in the spool until the next capture");
            }
            _ => {}
        }
    }
}

impl Spool {
    /// Opens a spool, and makes it if it is not there; removes what a killed capture left. It belongs to one vault, in
    /// one process: two that write into it would write over one another's objects.
    pub(super) fn open(root: &Path, scope: &Scope) -> Result<Self, CaptureError> {
        make_folder(root).map_err(CaptureError::Spool)?;
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(root.join(LOCK));
        let lock = lock.map_err(CaptureError::Spool)?;
        // Whoever may read it can lock it, and keep the vault from its spool. Not every file system knows permissions.
        let _as_it_was = lock.set_permissions(Permissions::from_mode(0o600));
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(CaptureError::SpoolInUse),
            locked => locked.map_err(|error| CaptureError::Spool(error.into()))?,
        }
        Self::open_locked(root, scope, lock).map_err(CaptureError::Spool)
    }

    fn open_locked(root: &Path, scope: &Scope, lock: File) -> io::Result<Self> {
        let spool = Self {
            root: root.to_owned(),
            scope: scope.clone(),
            unfinished: "object",
            unsynced: RefCell::default(),
            durable: RefCell::default(),
            unsure: Cell::default(),
            limit: None,
            bytes: Arc::default(),
            counted: Cell::default(),
            lock: Arc::new(lock),
        };
        make_folder(&spool.temporary_folder())?;
        for entry in fs::read_dir(spool.temporary_folder())? {
            fs::remove_file(entry?.path())?;
        }
        Ok(spool)
    }

    /// Goes on in an empty folder: the spool was lost, and whatever was known of it.
    pub(super) fn begin_anew(&self) -> io::Result<()> {
        self.unsynced.borrow_mut().clear();
        self.durable.borrow_mut().clear();
        make_folder(&self.temporary_folder())
    }

    /// The same spool, for a thread that writes other objects at the same time.
    pub(super) fn beside(&self) -> Self {
        Self {
            root: self.root.clone(),
            scope: self.scope.clone(),
            unfinished: "base",
            unsynced: RefCell::default(),
            durable: RefCell::default(),
            unsure: Cell::default(),
            limit: self.limit,
            bytes: Arc::clone(&self.bytes),
            counted: self.counted.clone(),
            lock: Arc::clone(&self.lock),
        }
    }

    /// Lets it take so many bytes, once those that it has are counted.
    pub(super) const fn limit_to(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// Counts the bytes that it has. Looks at every file: of millions of documents that takes a while.
    pub(super) fn count(&self) -> io::Result<()> {
        let sides = Side::ALL.map(|side| self.root.join(side.folder()));
        self.bytes.store(sides.iter().map(|side| bytes_below(side)).sum::<io::Result<u64>>()?, Ordering::Relaxed);
        self.counted.set(Some(Instant::now()));
        Ok(())
    }

    /// Bytes that it has, as far as this process knows.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether it may take more.
    pub(super) fn has_room(&self) -> Result<(), CaptureError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let old = self.counted.get().is_none_or(|counted| counted.elapsed() >= COUNTED_EVERY);
        if self.bytes() >= limit && old {
            self.count().map_err(CaptureError::Spool)?;
        }
        if self.bytes() < limit { Ok(()) } else { Err(CaptureError::SpoolLimit { limit }) }
    }

    /// Bytes that its disk has left.
    pub(super) fn free(&self) -> io::Result<u64> {
        Ok(free(&rustix::fs::statvfs(&self.root)?))
    }

    fn temporary_folder(&self) -> PathBuf {
        self.root.join("temporary")
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        self.root.join(name.path(&self.scope))
    }

    fn temporary(&self) -> Temporary {
        Temporary(self.temporary_folder().join(self.unfinished))
    }

    /// The same of one of many that are written at a time.
    pub(super) fn temporary_of_many(&self, number: usize) -> Temporary {
        Temporary(self.temporary_folder().join(format!("{}.{number}", self.unfinished)))
    }

    /// Counts that a file took the place of another.
    fn note_bytes(&self, before: u64, after: u64) {
        let change = |bytes: u64| Some((bytes + after).saturating_sub(before));
        // It always changes it.
        let _changed = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// How long an object is, if it is there.
    pub(super) fn length(&self, name: &ObjectName) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(name)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, for whoever rests something on it. Its name is durable after `sync_folders`: a process that was killed right
    /// after it gave it may not have come to that.
    pub(super) fn found(&self, name: &ObjectName) -> io::Result<Option<u64>> {
        let length = self.length(name)?;
        if let Some(folder) = self.path(name).parent().filter(|_| length.is_some())
            && !self.durable.borrow().contains(folder)
        {
            self.note_names(folder);
        }
        Ok(length)
    }

    /// An object's bytes, if it is there.
    pub(super) fn read(&self, name: &ObjectName) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens an object, if it is there.
    pub(super) fn open_object(&self, name: &ObjectName) -> io::Result<Option<File>> {
        match File::open(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Writes a small object; durable afterwards.
    pub(super) fn put(&self, name: &ObjectName, bytes: &[u8]) -> io::Result<()> {
        if self.read(name)?.as_deref() == Some(bytes) && self.found(name)?.is_some() {
            return self.sync_folders();
        }
        self.put_parts(name, &[bytes])
    }

    /// Writes an object of several parts; durable afterwards.
    pub(super) fn put_parts(&self, name: &ObjectName, parts: &[&[u8]]) -> io::Result<()> {
        let temporary = self.temporary();
        let mut file = create(temporary.path())?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?; // the content is durable, under no name that counts
        self.place(&temporary, name)?;
        self.sync_folders()
    }

    /// Copies a stream of known length in; durable afterwards.
    pub(super) fn copy_in(&self, name: &ObjectName, source: impl Read, size: u64) -> Result<ContentHash, CaptureError> {
        let Copied { temporary, length, sha256 } = copy(self.temporary(), source, size)?;
        if length != size {
            return Err(CaptureError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        self.place(&temporary, name).and_then(|()| self.sync_folders()).map_err(CaptureError::Spool)?;
        Ok(sha256)
    }

    /// Copies a stream in if it has this length and hash; its name is durable after `sync_folders`.
    pub(super) fn copy_checked(
        &self,
        name: &ObjectName,
        source: impl Read,
        size: u64,
        sha256: ContentHash,
    ) -> Result<bool, CaptureError> {
        self.keep_checked(name, &copy(self.temporary(), source, size)?, size, sha256)
    }

    /// Gives what was copied its name, if it has this length and hash; that is durable after `sync_folders`.
    pub(super) fn keep_checked(
        &self,
        name: &ObjectName,
        copied: &Copied,
        size: u64,
        sha256: ContentHash,
    ) -> Result<bool, CaptureError> {
        if copied.length != size || copied.sha256 != sha256 {
            return Ok(false);
        }
        self.place(&copied.temporary, name).map_err(CaptureError::Spool)?;
        Ok(true)
    }

    fn place(&self, temporary: &Temporary, name: &ObjectName) -> io::Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root);
        if !folder.is_dir() {
            make_folder(folder)?;
        }
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (before, after) = (length(&path), length(temporary.path()));
        let renamed = fs::rename(temporary.path(), &path);
        self.note_bytes(before, after);
        self.note_names(folder);
        renamed.inspect_err(|_| self.unsure.set(true))
    }

    /// Makes the folder of an object; its name is durable after `sync_folders`.
    pub(super) fn make_folder_of(&self, name: &ObjectName) -> io::Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        self.note_names(folder);
        Ok(())
    }

    /// Names in a folder are not durable; nor is its own known to be, up to the root, before they were once.
    fn note_names(&self, folder: &Path) {
        let most = if self.durable.borrow().contains(folder) { 1 } else { usize::MAX };
        let folders = folder.ancestors().take_while(|above| above.starts_with(&self.root)).take(most);
        self.unsynced.borrow_mut().extend(folders.map(Path::to_owned));
    }

    /// Whether what is there must be looked at before anything is written again, because a name that was reported to
    /// have failed may be there, and may have been shipped. Asked once for each failure.
    pub(super) fn take_unsure(&self) -> bool {
        self.unsure.take()
    }

    /// Removes an object, if it is there.
    pub(super) fn remove(&self, name: &ObjectName) -> io::Result<()> {
        let path = self.path(name);
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        match fs::remove_file(&path) {
            Ok(()) => {
                self.note_bytes(length, 0);
                if let Some(folder) = path.parent() {
                    self.note_names(folder);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the names given since the last call durable.
    pub(super) fn sync_folders(&self) -> io::Result<()> {
        let folders = std::mem::take(&mut *self.unsynced.borrow_mut());
        if let Err(error) = folders.iter().try_for_each(|folder| sync_directory(folder)) {
            self.unsynced.borrow_mut().extend(folders);
            self.unsure.set(true);
            return Err(error);
        }
        self.durable.borrow_mut().extend(folders);
        Ok(())
    }
}

/// Bytes of all files below a folder, if it is there. What goes meanwhile is not counted.
fn bytes_below(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path())?,
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o750).create(path)
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::ids::VaultId;

    use super::*;

    #[test]
    fn nobody_else_can_lock_it() {
        let dir = tempfile::tempdir().unwrap();
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) };
        let lock = create(&dir.path().join(LOCK)).unwrap();
        drop(Spool::open(dir.path(), &scope).unwrap());
        assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_an_earlier_process_named_becomes_durable_before_anything_rests_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) };
        let name = ObjectName::Keys(ContentHash::of(b"keys"));
        Spool::open(dir.path(), &scope).unwrap().put(&name, b"keys").unwrap();
        let spool = Spool::open(dir.path(), &scope).unwrap();
        let other = ObjectName::Recovery(ContentHash::of(b"keys"));
        assert!(spool.found(&other).unwrap().is_none() && spool.unsynced.borrow().is_empty());
        assert_eq!(spool.found(&name).unwrap(), Some(4));
        assert!(spool.unsynced.borrow().contains(spool.path(&name).parent().unwrap()));
        spool.put(&name, b"keys").unwrap();
        assert!(spool.found(&name).unwrap().is_some() && spool.unsynced.borrow().is_empty(), "once is enough");
    }
}
