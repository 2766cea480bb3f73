//! A folder as one tar archive, made while others may work in it. Nobody can stop them, so each file is looked at before
//! and after it is read, and what was not as it was at one moment is told.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::content::{Contents, Trouble};
use super::error::ReadError;
use crate::observer::{self, Observer, Progress, Stage};
use crate::regular;

/// How often a file is read that changes meanwhile. The last one counts.
const ATTEMPTS: u32 = 3;

/// Longer than Linux lets anybody keep a lease that was asked back (`/proc/sys/fs/lease-break-time`: 45 seconds).
const LEASE: Duration = Duration::from_mins(1);

/// What is found in a folder, by its path in it, in order.
type Found = BTreeMap<PathBuf, Metadata>;

/// Writes a folder as an archive.
pub(super) fn read(folder: &Path, out: &mut dyn Write, observer: &mut dyn Observer) -> Result<Contents, ReadError> {
    let (before, unreadable) = list(folder)?;
    if unreadable.is_empty() && before.values().all(Metadata::is_dir) {
        return Err(ReadError::NoFiles { path: folder.to_owned() });
    }
    let mut archive = Archive {
        folder,
        builder: tar::Builder::new(out),
        contents: Contents::default(),
        total: before.values().filter(|metadata| metadata.is_file()).map(Metadata::len).sum(),
    };
    archive.builder.follow_symlinks(false);
    archive.contents.troubles.extend(unreadable.into_iter().map(|path| (shown(&path), Trouble::Unreadable)));
    for (path, metadata) in &before {
        observer::check(observer)?;
        archive.add(path, metadata, observer)?;
    }
    // The end of the archive; without it, it is none.
    archive.builder.finish().map_err(ReadError::Sink)?;
    let mut contents = archive.contents;
    let (after, _) = list(folder)?;
    let moved = before.keys().filter(|path| !after.contains_key(*path));
    let moved = moved.chain(after.keys().filter(|path| !before.contains_key(*path)));
    contents.troubles.extend(moved.map(|path| (shown(path), Trouble::CameOrWent)));
    contents.troubles.sort();
    contents.troubles.dedup();
    Ok(contents)
}

/// Everything below a folder, and what is there and cannot be looked at: folders that cannot be listed, and whatever is
/// in one that may be listed and not entered.
fn list(folder: &Path) -> Result<(Found, Vec<PathBuf>), ReadError> {
    let failed = |source| ReadError::Source { path: folder.to_owned(), source };
    let (mut found, mut unreadable, mut pending) = (Found::new(), Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = pending.pop() {
        let entries = match fs::read_dir(folder.join(&below)) {
            Ok(entries) => entries,
            Err(error) if below.as_os_str().is_empty() => return Err(failed(error)),
            Err(_) => {
                unreadable.push(below);
                continue;
            }
        };
        for entry in entries {
            let Ok(entry) = entry else {
                unreadable.push(below.clone());
                continue;
            };
            let path = below.join(entry.file_name());
            match unless_gone(entry.metadata()) {
                Ok(Some(metadata)) => {
                    if metadata.is_dir() {
                        pending.push(path.clone());
                    }
                    found.insert(path, metadata);
                }
                Ok(None) => {}
                Err(_) => unreadable.push(path),
            }
        }
    }
    Ok((found, unreadable))
}

/// What was found, unless it is gone in the meantime: then it is not there. Any other error is of something that is.
fn unless_gone<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Archive<'a> {
    folder: &'a Path,
    builder: tar::Builder<&'a mut dyn Write>,
    contents: Contents,
    total: u64,
}

impl Archive<'_> {
    fn add(&mut self, path: &Path, metadata: &Metadata, observer: &mut dyn Observer) -> Result<(), ReadError> {
        let full = self.folder.join(path);
        if metadata.is_file() {
            return self.file(path, &full, observer);
        }
        if metadata.is_dir() {
            let mut header = header_of(metadata, 0);
            header.set_entry_type(tar::EntryType::Directory);
            return self.builder.append_data(&mut header, path, io::empty()).map_err(ReadError::Sink);
        }
        if metadata.is_symlink() {
            let target = match unless_gone(fs::read_link(&full)) {
                Ok(Some(target)) => target,
                // The second look tells that it went.
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.trouble(path, Trouble::Unreadable);
                    return Ok(());
                }
            };
            let mut header = header_of(metadata, 0);
            header.set_entry_type(tar::EntryType::Symlink);
            return self.builder.append_link(&mut header, path, target).map_err(ReadError::Sink);
        }
        // Sockets and devices are no files of anybody's.
        Ok(())
    }

    /// Adds a file, again where it changed: of two of one name, the later one counts.
    fn file(&mut self, path: &Path, full: &Path, observer: &mut dyn Observer) -> Result<(), ReadError> {
        for attempt in 1..=ATTEMPTS {
            let opened = open(full).and_then(|file| Ok((file.metadata()?, file)));
            let Ok((before, file)) = opened else {
                self.trouble(path, Trouble::Unreadable);
                return Ok(());
            };
            if is_locked(&file) {
                self.trouble(path, Trouble::OpenExclusively);
            }
            let mut exactly = Exactly { file, left: before.len(), bad: false, observer };
            let mut header = header_of(&before, before.len());
            self.builder.append_data(&mut header, path, &mut exactly).map_err(ReadError::Sink)?;
            let Exactly { file, bad, observer: given_back, .. } = exactly;
            observer::check(given_back)?;
            if bad {
                self.trouble(path, Trouble::Unreadable);
                return Ok(());
            }
            if is_unchanged(&before, &file, full) {
                self.contents.files += 1;
                self.contents.bytes += before.len();
                given_back.progress(Progress {
                    stage: Stage::Reading,
                    done: self.contents.bytes,
                    total: self.total.max(self.contents.bytes),
                });
                if has_lock_file(full) {
                    self.trouble(path, Trouble::Open);
                }
                return Ok(());
            }
            if attempt == ATTEMPTS {
                self.trouble(path, Trouble::Changed);
            }
        }
        Ok(())
    }

    fn trouble(&mut self, path: &Path, trouble: Trouble) {
        self.contents.troubles.push((shown(path), trouble));
    }
}

/// Opens what was listed as a file. By now it may be a link to what nobody wants in here, or a pipe that never ends.
fn open(full: &Path) -> io::Result<File> {
    let until = Instant::now() + LEASE;
    loop {
        match regular::open(full) {
            // Who has a lease on it, such as a file server for a client, is told by this try to give it up.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                thread::sleep(Duration::from_millis(100));
            }
            opened => return opened,
        }
    }
}

fn header_of(metadata: &Metadata, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(metadata);
    header.set_size(size);
    header
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Whether the file is the same one, of the same size and times, as before it was read.
fn is_unchanged(before: &Metadata, file: &File, full: &Path) -> bool {
    let mark = |m: &Metadata| (m.ino(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
    let (by_handle, by_name) = (file.metadata(), fs::symlink_metadata(full));
    [by_handle, by_name].iter().all(|after| after.as_ref().is_ok_and(|after| mark(after) == mark(before)))
}

/// Whether somebody has it for himself: by a lock on the whole file, or one on a range of it.
fn is_locked(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Where it cannot be given back, closing the file does.
            let _given_back = flock(file, FlockOperation::Unlock);
        }
        Err(rustix::io::Errno::WOULDBLOCK) => return true,
        Err(_) => {}
    }
    let asked = Flock::from(FlockType::ReadLock);
    matches!(fcntl_getlk(file, &asked), Ok(Some(_)))
}

/// Whether Microsoft Access has it open: it keeps a lock file beside.
fn has_lock_file(full: &Path) -> bool {
    let beside = match full.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase) {
        Some(extension) if extension == "mdb" => "ldb",
        Some(extension) if extension == "accdb" => "laccdb",
        _ => return false,
    };
    full.with_extension(beside).exists() || full.with_extension(beside.to_ascii_uppercase()).exists()
}

/// Reads as many bytes as the archive was told, whatever happens to the file: a shorter one is filled up, and told apart
/// by its changed size.
struct Exactly<'o> {
    file: File,
    left: u64,
    bad: bool,
    observer: &'o mut dyn Observer,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(piece) = buffer.get_mut(..wanted).filter(|piece| !piece.is_empty()) else { return Ok(0) };
        // After a request to stop, nothing of this is used: it only has to end soon.
        let stop = self.bad || self.observer.cancelled();
        let read = match if stop { Ok(0) } else { self.file.read(piece) } {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(_) => {
                self.bad = true;
                0
            }
        };
        let read = if read == 0 {
            piece.fill(0);
            piece.len()
        } else {
            read
        };
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_lock_file_of_access_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clients.mdb");
        fs::write(&file, "").unwrap();
        assert!(!has_lock_file(&file));
        fs::write(folder.path().join("clients.ldb"), "").unwrap();
        assert!(has_lock_file(&file));
        assert!(!has_lock_file(&folder.path().join("clients.txt")));
    }

    #[test]
    fn only_what_is_gone_may_be_left_out() {
        let gone = fs::symlink_metadata(tempfile::tempdir().unwrap().path().join("gone"));
        assert!(unless_gone(gone).unwrap().is_none());
        for there in [io::ErrorKind::PermissionDenied, io::ErrorKind::StaleNetworkFileHandle, io::ErrorKind::Other] {
            assert_eq!(unless_gone::<()>(Err(there.into())).unwrap_err().kind(), there);
        }
    }

    /// Puts others in the place of files that were listed.
    struct Swapping<'f> {
        folder: &'f Path,
        secret: &'f Path,
    }

    impl Observer for Swapping<'_> {
        fn progress(&mut self, _: Progress) {
            let [link, pipe] = ["link", "pipe"].map(|name| self.folder.join(name));
            fs::remove_file(&link).unwrap();
            symlink(self.secret, &link).unwrap();
            fs::remove_file(&pipe).unwrap();
            mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
    }

    #[test]
    fn what_became_a_link_or_a_pipe_after_it_was_listed_is_not_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = elsewhere.path().join("key");
        fs::write(&secret, "somebody else's").unwrap();
        for name in ["first", "link", "pipe"] {
            fs::write(folder.path().join(name), "shared").unwrap();
        }
        let mut archive = Vec::new();
        let mut swapping = Swapping { folder: folder.path(), secret: &secret };
        let contents = read(folder.path(), &mut archive, &mut swapping).unwrap();
        let unreadable = ["link", "pipe"].map(|name| (name.to_owned(), Trouble::Unreadable));
        assert_eq!((contents.files, contents.troubles), (1, unreadable.to_vec()));
        assert!(!String::from_utf8_lossy(&archive).contains("somebody else's"));
    }

    #[test]
    fn a_file_that_got_shorter_keeps_the_archive_whole() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("short"), "abc").unwrap();
        let file = File::open(folder.path().join("short")).unwrap();
        let mut read = Vec::new();
        let mut nobody = ();
        Exactly { file, left: 5, bad: false, observer: &mut nobody }.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"abc\0\0");
    }
}
