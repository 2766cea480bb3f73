//! Writing over SFTP. What is durable when, for each object: it is written under a temporary name in `incoming/`, fsynced
//! (`fsync@openssh.com`), renamed, which there never replaces anything, and fsynced again: SFTP has no fsync of a folder,
//! and on file systems with a journal the second one takes the new name along.

use std::collections::BTreeSet;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::crypto::hex;
use ssh2::{File, OpenFlags, OpenType, RenameFlags};

use super::{INCOMING, LANES, Lease, Sftp, Trouble, listing};
use crate::destination::patience::Patience;
use crate::destination::queue::side_by_side;
use crate::destination::{Destination, PutError, Source as _, is_sound};

/// Nobody writes over an object: not even whoever has our key, where the server refuses to change modes.
const FILE_MODE: i32 = 0o440;
const FOLDER_MODE: i32 = 0o750;
/// libssh2 sends a large piece as many packets at once, so that the journey there and back is waited for once.
const PIECE: usize = 1 << 20;
/// After so many bytes of an object the server makes them durable. All of a large one in the end could take it longer than an
/// answer is waited for.
const SYNCED: u64 = 1 << 30;
/// Objects below this size are sent side by side.
const SMALL: u64 = 1 << 20;

/// An object that was not written.
enum NotWritten {
    Content(io::Error),
    Exists,
    Trouble(Trouble),
}

impl From<Trouble> for NotWritten {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A whole file under its temporary name: its content is durable, and nobody counts it.
struct Staged {
    file: File,
    temporary: PathBuf,
    size: u64,
}

impl Staged {
    fn finish(mut self) -> Result<u64, NotWritten> {
        self.file.fsync().map_err(Trouble::from)?;
        // Durable: the name, as far as SFTP can say it.
        Ok(self.size)
    }
}

impl Sftp {
    fn not_written(&self, path: &str, error: NotWritten) -> PutError {
        match error {
            NotWritten::Content(source) => PutError::Content { path: path.to_owned(), source },
            NotWritten::Exists => PutError::Exists { place: self.label(), path: path.to_owned() },
            NotWritten::Trouble(trouble) => self.put_error(path, trouble),
        }
    }

    fn folders(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        // Every change is one insertion or a clearing.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folders that an object needs, but for those that were seen there before.
    fn make_ready(&self, path: &str) -> Result<(), Trouble> {
        let parent = Path::new(path).parent().unwrap_or(Path::new(""));
        let needed = [Path::new(INCOMING), parent];
        if needed.iter().all(|folder| self.folders().contains(*folder)) {
            return Ok(());
        }
        // Not below a folder that is not there: it may be a disk that is not mounted.
        self.again(|channel| channel.stat(&self.settings.folder))?;
        for folder in needed {
            self.create_folders(folder)?;
            self.folders().insert(folder.to_owned());
        }
        Ok(())
    }

    /// Makes the folders of a path that are not there.
    fn create_folders(&self, below: &Path) -> Result<(), Trouble> {
        let mut folder = self.settings.folder.clone();
        for part in below {
            folder.push(part);
            let made = self.again(|channel| channel.mkdir(&folder, FOLDER_MODE));
            if let Err(trouble) = made
                && !self.again(|channel| channel.stat(&folder)).is_ok_and(|stat| stat.is_dir())
            {
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// A new file, the only one of its name, and the connection that it is written over.
    fn begin(&self, path: &str) -> Result<(Lease<'_>, PathBuf, File), Trouble> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let (mut patience, mut seen) = (Patience::default(), true);
        loop {
            self.make_ready(path)?;
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|error| Trouble::Failed(io::Error::other(error.to_string())))?;
            let temporary = self.settings.folder.join(INCOMING).join(hex(&random));
            let opened = self.lease().and_then(|mut lease| {
                let file = lease.act(|channel| channel.open_mode(&temporary, flags, FILE_MODE, OpenType::File))?;
                Ok((lease, file))
            });
            match opened {
                Ok((lease, file)) => return Ok((lease, temporary, file)),
                Err(Trouble::NotFound) if seen => {
                    // Seen before, and not there any more.
                    self.folders().clear();
                    seen = false;
                }
                Err(Trouble::Unreachable(_)) if patience.wait() => {}
                Err(trouble) => return Err(trouble),
            }
        }
    }

    fn stage(&self, path: &str, content: &mut dyn Read) -> Result<Staged, NotWritten> {
        let (mut lease, temporary, mut file) = self.begin(path)?;
        let written = copy(&mut file, content).and_then(|size| {
            file.fsync().map_err(Trouble::from)?;
            Ok(size)
        });
        match written {
            // Durable: the content, under the temporary name.
            Ok(size) => Ok(Staged { file, temporary, size }),
            Err(error) => {
                drop(file);
                let error = match error {
                    NotWritten::Trouble(trouble) => lease.noted(trouble).into(),
                    error => error,
                };
                drop(lease);
                self.discard(&temporary);
                Err(error)
            }
        }
    }

    /// Best effort: what stays is a name in `incoming/` that the next run clears.
    fn discard(&self, temporary: &Path) {
        drop(self.once(|channel| channel.unlink(temporary)));
    }

    fn name(&self, path: &str, staged: &mut Staged) -> Result<(), NotWritten> {
        let target = self.full(path);
        let rename = || self.once(|channel| channel.rename(&staged.temporary, &target, Some(RenameFlags::empty())));
        let renamed = match rename() {
            Err(Trouble::NotFound) => {
                // Seen before, and not there any more.
                self.folders().clear();
                self.make_ready(path)?;
                rename()
            }
            renamed => renamed,
        };
        renamed.or_else(|trouble| self.not_named(path, staged, trouble))
    }

    /// What became of a renaming that failed. Where only its answer was lost, the file has its name: it is opened again
    /// by that, since the connection that it was written over is gone and its name is not known to be durable yet.
    fn not_named(&self, path: &str, staged: &mut Staged, trouble: Trouble) -> Result<(), NotWritten> {
        let Ok(Some(there)) = self.lstat(path) else { return Err(trouble.into()) };
        let lost = matches!(trouble, Trouble::Unreachable(_));
        if !(lost && there.is_file() && there.size == Some(staged.size) && self.is_gone(&staged.temporary)) {
            return Err(NotWritten::Exists);
        }
        staged.file = self.again(|channel| channel.open(self.full(path)))?;
        Ok(())
    }

    /// Whether there is no file of this name, which nobody else has given to one.
    fn is_gone(&self, temporary: &Path) -> bool {
        matches!(self.again(|channel| channel.lstat(temporary)), Err(Trouble::NotFound))
    }

    fn checked(path: &str) -> Result<(), PutError> {
        let sound = is_sound(path) && path.split('/').next() != Some(INCOMING);
        if sound { Ok(()) } else { Err(PutError::Path { path: path.to_owned() }) }
    }

    fn put_one(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let failed = |error| self.not_written(path, error);
        let mut staged = self.stage(path, content).map_err(failed)?;
        if let Err(error) = self.name(path, &mut staged) {
            self.discard(&staged.temporary);
            return Err(failed(error));
        }
        staged.finish().map_err(failed)
    }
}

fn copy(file: &mut File, content: &mut dyn Read) -> Result<u64, NotWritten> {
    let (mut size, mut unsynced) = (0, 0);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        content.take(PIECE as u64).read_to_end(&mut piece).map_err(NotWritten::Content)?;
        if piece.is_empty() {
            return Ok(size);
        }
        file.write_all(&piece).map_err(Trouble::of_io)?;
        (size, unsynced) = (size + piece.len() as u64, unsynced + piece.len() as u64);
        if unsynced >= SYNCED {
            file.fsync().map_err(Trouble::from)?;
            unsynced = 0;
        }
    }
}

impl Destination for Sftp {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        Self::checked(path)?;
        self.put_one(path, content)
    }

    /// The contents go side by side; the names are given one after the other.
    fn put_in_order(&self, objects: &[(String, Vec<u8>)]) -> Result<(), PutError> {
        objects.iter().try_for_each(|(path, _)| Self::checked(path))?;
        let place = self.label();
        let stage = |(path, content): &(String, Vec<u8>)| {
            self.stage(path, &mut content.as_slice()).map_err(|error| self.not_written(path, error))
        };
        let mut staged = side_by_side(&place, LANES, objects, stage)?.into_iter();
        let (mut named, mut refused) = (Vec::new(), Ok(()));
        for ((path, _), mut one) in objects.iter().zip(staged.by_ref()) {
            if let Err(error) = self.name(path, &mut one) {
                self.discard(&one.temporary);
                refused = Err(self.not_written(path, error));
                break;
            }
            named.push((path, Mutex::new(Some(one))));
        }
        staged.for_each(|one| self.discard(&one.temporary));
        let finish = |(path, one): &(&String, Mutex<Option<Staged>>)| {
            let one = one.lock().unwrap_or_else(PoisonError::into_inner).take();
            one.map_or(Ok(0), Staged::finish).map_err(|error| self.not_written(path, error))
        };
        // Those in front of one that was refused are there, and durable.
        side_by_side(&place, LANES, &named, finish).and(refused)
    }

    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        Self::checked(path)?;
        let mut first = Vec::new();
        let read = content.take(SMALL).read_to_end(&mut first);
        let read = read.map_err(|source| PutError::Content { path: path.to_owned(), source })? as u64;
        if read == SMALL {
            return self.put_one(path, &mut first.as_slice().chain(content));
        }
        if self.queue.push(path, first) {
            self.flush()?;
        }
        Ok(read)
    }

    fn flush(&self) -> Result<(), PutError> {
        self.queue.send(&self.label(), LANES, |path, mut content| self.put_one(path, &mut content).map(drop))
        // Durable: every object that was enqueued, if this succeeds.
    }

    fn tidy(&self) -> Result<(), PutError> {
        self.queue.clear();
        let failed = |trouble| self.put_error(INCOMING, trouble);
        let incoming = self.settings.folder.join(INCOMING);
        let left = match self.again(|channel| listing::read(channel, &incoming)) {
            // Of what has no end nothing is removed: it has no name that counts.
            Ok(left) => left.unwrap_or_default(),
            Err(Trouble::NotFound) => return Ok(()),
            Err(trouble) => return Err(failed(trouble)),
        };
        for (name, _) in left.objects {
            match self.again(|channel| channel.unlink(&incoming.join(&name))) {
                // Where this account may remove nothing, what is left over stays: it has no name that counts.
                Ok(()) | Err(Trouble::NotFound | Trouble::Denied(_)) => {}
                Err(trouble) => return Err(failed(trouble)),
            }
        }
        Ok(())
    }
}
