//! Looks at a file and at what lies beside it, and says what it is. Opens no database.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::header::{HEAD, classify};
use super::kind::SourceKind;

/// A file that could not be looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    /// There is none.
    #[error(
        "{path} does not exist: check the path, and that a server sees it (its unit has a /tmp of its own and no /home)"
    )]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// It is a folder, a device or a pipe.
    #[error("{path} is not a regular file: name the database file itself")]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The system refused.
    #[error(
        "{path} cannot be read: check that the vault's account, and a server by its unit (which has no /home), may read it"
    )]
    Read {
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What the file at `path` is, by its first bytes, its length, and the log or journal beside it.
pub fn inspect(path: &Path) -> Result<SourceKind, InspectError> {
    let (head, length) = head_and_length(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => InspectError::Missing { path: path.into() },
        io::ErrorKind::InvalidInput => InspectError::NotAFile { path: path.into() },
        _ => InspectError::Read { path: path.into(), source },
    })?;
    let mut kind = classify(&head, length);
    if let SourceKind::Sqlite(file) = &mut kind {
        // Where SQLite looks for them: behind a link, beside the file itself.
        let real = path.canonicalize().map_err(|source| InspectError::Read { path: path.into(), source })?;
        file.wal = beside(&real, "-wal")?.map(|(_, length)| length);
        // A journal that was committed in "persist" mode stays, with its header zeroed.
        file.interrupted = beside(&real, "-journal")?.is_some_and(|(head, _)| head.iter().any(|b| *b != 0));
    }
    Ok(kind)
}

fn head_and_length(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let length = regular(path)?;
    let mut head = Vec::new();
    File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok((head, length))
}

/// Asked before opening: opening a pipe would wait for its writer.
fn regular(path: &Path) -> io::Result<u64> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The first bytes and the length of a log or journal; `None` if there is none. One that cannot be read is not taken for
/// one that is not there: the newest rows may be in it.
fn beside(path: &Path, suffix: &str) -> Result<Option<(Vec<u8>, u64)>, InspectError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    let path = path.with_file_name(name);
    let look = || -> io::Result<_> {
        let (file, mut head) = (File::open(&path)?, Vec::new());
        let length = file.metadata()?.len();
        file.take(8).read_to_end(&mut head)?;
        Ok((head, length))
    };
    match look() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InspectError::Read { path, source }),
    }
}
