//! A folder as a destination: a local disk, a USB disk, a mounted share. Also how a spool is read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::crypto::hex;

use super::{Allowance, Contents, Destination, PutError, RemoveError, Removing, Source, SourceError, is_sound};
use crate::{durable, regular};

/// Unfinished files, beside the objects so that a rename suffices. Not listed with them.
const INCOMING: &str = "incoming";
/// The backup account's group may read; nobody else.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
const PIECE: usize = 256 * 1024;
/// After so many bytes of an object they are made durable. What is left to do of it in the end, when nobody can break it off,
/// takes no longer than that, however large it is.
const SYNCED: u64 = 64 << 20;

/// A folder that holds objects. It must exist: one that does not may be a disk that is not mounted.
#[derive(Debug)]
pub struct FileSystem {
    root: PathBuf,
    /// Temporary and final paths of files that wait for their names.
    queue: Mutex<Vec<(PathBuf, PathBuf)>>,
    /// Folders whose own names are durable.
    settled: Mutex<BTreeSet<PathBuf>>,
}

impl FileSystem {
    /// The folder at this path. Nothing is read or created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), queue: Mutex::default(), settled: Mutex::default() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn locate(&self, path: &str) -> Result<PathBuf, SourceError> {
        if is_sound(path) { Ok(self.root.join(path)) } else { Err(SourceError::Path { path: path.to_owned() }) }
    }

    fn read_error(&self, path: &str, source: io::Error) -> SourceError {
        let place = self.label();
        match source.kind() {
            io::ErrorKind::NotFound if self.root.is_dir() => SourceError::NotFound { place, path: path.to_owned() },
            io::ErrorKind::NotFound => SourceError::Absent { place },
            _ => SourceError::Io { place, path: path.to_owned(), source },
        }
    }

    fn write_error(&self, path: &str, source: io::Error) -> PutError {
        let place = self.label();
        match source.kind() {
            io::ErrorKind::AlreadyExists => PutError::Exists { place, path: path.to_owned() },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PutError::Full { place },
            _ => PutError::Io { place, path: path.to_owned(), source },
        }
    }

    fn queue(&self) -> MutexGuard<'_, Vec<(PathBuf, PathBuf)>> {
        // Every change is one push or one take: a thread that died cannot have left half of one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies a content into a new file with a temporary name. Leaves none behind if it fails.
    fn receive(&self, path: &str, content: &mut dyn Read) -> Result<Received, PutError> {
        if !is_sound(path) || path.split('/').next() == Some(INCOMING) {
            return Err(PutError::Path { path: path.to_owned() });
        }
        if !self.root.is_dir() {
            return Err(PutError::Absent { place: self.label() });
        }
        if self.root.join(path).symlink_metadata().is_ok() {
            return Err(PutError::Exists { place: self.label(), path: path.to_owned() });
        }
        let failed = |source| self.write_error(path, source);
        durable::create_folders(&self.root, Path::new(INCOMING), FOLDER_MODE).map_err(failed)?;
        if let Some(folder) = Path::new(path).parent() {
            durable::create_folders(&self.root, folder, FOLDER_MODE).map_err(failed)?;
        }
        // Durable: the folders, empty or as they were.
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error.to_string())))?;
        let temporary = self.root.join(INCOMING).join(hex(&random));
        let mut file = durable::create_new(&temporary, FILE_MODE).map_err(failed)?;
        match self.copy(&mut file, path, content) {
            // Nothing durable; a name in `incoming/` that the next run clears.
            Ok(size) => Ok(Received { file, temporary, target: self.root.join(path), size }),
            Err(error) => {
                // Best effort, for the same reason.
                drop(fs::remove_file(&temporary));
                Err(error)
            }
        }
    }

    fn copy(&self, file: &mut File, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let (mut size, mut unsynced) = (0, 0);
        let mut piece = vec![0; PIECE];
        loop {
            let read = match content.read(&mut piece) {
                Ok(0) => return Ok(size),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PutError::Content { path: path.to_owned(), source }),
            };
            let piece = piece.get(..read).unwrap_or_default();
            file.write_all(piece).map_err(|error| self.write_error(path, error))?;
            (size, unsynced) = (size + read as u64, unsynced + read as u64);
            if unsynced >= SYNCED {
                file.sync_data().map_err(|error| self.write_error(path, error))?;
                unsynced = 0;
            }
        }
    }
}

/// A whole file that has no name yet.
struct Received {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    size: u64,
}

impl Source for FileSystem {
    fn label(&self) -> String {
        self.root.display().to_string()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        let failed = |source| self.read_error(path, source);
        let mut file = regular::open(&self.locate(path)?).map_err(failed)?;
        let Some(range) = range else { return Ok(Box::new(file)) };
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        Ok(Box::new(file.take(range.end.saturating_sub(range.start))))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        match fs::symlink_metadata(self.locate(path)?) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) => match self.read_error(path, error) {
                SourceError::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        let failed = |source| self.read_error(folder, source);
        let path = if folder.is_empty() { self.root.clone() } else { self.locate(folder)? };
        let entries = match fs::read_dir(path).map_err(failed) {
            Err(SourceError::NotFound { .. }) => return Ok(Contents::default()),
            entries => entries?,
        };
        let (mut contents, mut allowance) = (Contents::default(), Allowance::default());
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !allowance.name(&name) {
                return Err(SourceError::TooMany { place: self.label(), folder: folder.to_owned() });
            }
            let metadata = match entry.metadata() {
                // Removed since its name was read, as a vault does in a spool that is looked at.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            if metadata.is_dir() {
                if !(folder.is_empty() && name == INCOMING) {
                    contents.folders.push(name);
                }
            } else {
                contents.objects.push((name, metadata.len()));
            }
        }
        contents.objects.sort_unstable();
        contents.folders.sort_unstable();
        Ok(contents)
    }

    fn settle(&self, folder: &str) -> Result<(), SourceError> {
        let path = self.locate(folder)?;
        let failed = |source| self.read_error(folder, source);
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        for above in path.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)) {
            if !settled.contains(above) {
                durable::sync_folder(above).map_err(failed)?;
                settled.insert(above.to_owned());
            }
        }
        durable::sync_folder(&path).map_err(failed)
    }
}

impl Destination for FileSystem {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let Received { file, temporary, target, size } = self.receive(path, content)?;
        match durable::publish(&file, &temporary, &target) {
            // Durable: the whole object under its name.
            Ok(()) => Ok(size),
            Err(error) => {
                drop(fs::remove_file(&temporary));
                Err(self.write_error(path, error))
            }
        }
    }

    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let Received { temporary, target, size, .. } = self.receive(path, content)?;
        self.queue().push((temporary, target));
        Ok(size)
    }

    fn flush(&self) -> Result<(), PutError> {
        let files = std::mem::take(&mut *self.queue());
        durable::publish_all(&self.root, &files).map_err(|(target, error)| {
            let path = target.strip_prefix(&self.root).unwrap_or(target);
            self.write_error(&path.to_string_lossy(), error)
        })
        // Durable: every object that was enqueued.
    }

    fn tidy(&self) -> Result<(), PutError> {
        self.queue().clear();
        match fs::remove_dir_all(self.root.join(INCOMING)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.write_error(INCOMING, error)),
            _ => Ok(()),
        }
    }
}

impl Removing for FileSystem {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        if !is_sound(path) {
            return Err(RemoveError::Path { path: path.to_owned() });
        }
        let full = self.root.join(path);
        let removed = match fs::remove_file(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.root.is_dir() => return Ok(()),
            removed => removed.and_then(|()| durable::sync_folder(full.parent().unwrap_or(&self.root))),
        };
        // Durable: its absence.
        let (place, path) = (self.label(), path.to_owned());
        removed.map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => RemoveError::Refused { place, path, source },
            _ => RemoveError::Failed { place, path, source },
        })
    }
}
