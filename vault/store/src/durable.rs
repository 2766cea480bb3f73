//! Writing a file so that it is whole or absent after a crash. The system calls, in order, and
//! what is durable after each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Creates a file that only its owner can read; refuses one that exists.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a private file: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_extension("tmp");
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
    sync_directory(directory) // the name is durable
}
