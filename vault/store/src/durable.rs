//! Writing a file so that it is whole or absent after a crash. The system calls, in order, and
//! what is durable after each.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfs;

/// Bytes that a disk has left for us. Servers of network file systems may tell anything.
pub(crate) const fn free(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// Creates a file that only its owner can read; refuses one that exists.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that a name stands in: of a bare name, the current one.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a private directory below one that is durable, unless it is there; durable when this returns.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_directory(directory_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// How many directories are made durable at a time; they wait for the disk, not for a processor.
const AT_A_TIME: usize = 16;

/// Makes the names in many directories durable: a disk makes a dozen durable in about the time of one.
pub(crate) fn sync_directories(paths: &[PathBuf]) -> io::Result<()> {
    if paths.len() < 4 {
        return paths.iter().try_for_each(|path| sync_directory(path));
    }
    std::thread::scope(|scope| {
        let sync = |part: &'_ [PathBuf]| part.iter().try_for_each(|path| sync_directory(path));
        let parts = paths.chunks(paths.len().div_ceil(AT_A_TIME));
        let begin = |part| std::thread::Builder::new().spawn_scoped(scope, move || sync(part));
        let threads: Vec<_> = parts.map(begin).collect();
        let ended = |thread: io::Result<std::thread::ScopedJoinHandle<'_, io::Result<()>>>| {
            thread?.join().unwrap_or_else(|_| Err(io::Error::other("a thread that syncs directories ended early")))
        };
        threads.into_iter().map(ended).fold(Ok(()), io::Result::and)
    })
}

/// Writes a private file: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    // A left-over of a crash: never complete, never referred to.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = create_private(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all() // the content is durable, under a name nobody reads
    });
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        let _left_over = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_directory(directory_of(path)) // the name is durable
}

/// `keys.json` → `keys.json.tmp`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Writes a private file that was not there, under its own name. Nothing is written over; on an error nothing is left.
pub(crate) fn write_new_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private(path)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_directory(directory_of(path)));
    if written.is_err() {
        let _left_over = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_bare_name_stands_in_the_current_directory() {
        for (path, directory) in [("id.txt", "."), ("./id.txt", "."), ("a/id.txt", "a"), ("/id.txt", "/")] {
            assert_eq!(directory_of(Path::new(path)), Path::new(directory), "{path}");
        }
    }

    #[test]
    fn what_stands_beside_a_file_that_is_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("production.tmp"), "somebody's").unwrap();
        write_private(&path("production.keys"), b"one").unwrap();
        write_private(&path("production.keys"), b"two").unwrap();
        write_new_private(&path("production.identity"), b"three").unwrap();
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        assert_eq!(["production.keys", "production.identity"].map(read), ["two", "three"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(read("production.tmp"), "somebody's");
        let again = write_new_private(&path("production.identity"), b"four").unwrap_err();
        assert_eq!((again.kind(), read("production.identity").as_str()), (io::ErrorKind::AlreadyExists, "three"));
    }
}
