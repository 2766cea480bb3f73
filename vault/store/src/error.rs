//! Why the store could not read, stage or commit. None of it names a person or shows a value.

use std::error::Error as StdError;
use std::io;

use coffre_core::crypto::OpenError as CipherError;
use coffre_core::document::DocumentError;
use coffre_core::ids::{DocumentId, SubjectId};
use thiserror::Error;

use crate::connection::{is_another_page, is_of_the_moment, is_unread};
use crate::layout::Database;
use crate::writer::RecoverError;

/// The store cannot serve at the moment; it comes back by itself when the cause is gone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unavailable {
    /// The disk is full.
    #[error("the disk that holds the vault is full: free space; the vault resumes by itself")]
    DiskFull,
    /// Reading or writing failed.
    #[error("the vault's disk failed ({detail}): check the disk and the system log; the vault resumes by itself")]
    Disk {
        /// What the system said, without paths or content.
        detail: String,
    },
    /// A file of the vault was replaced or removed under the running process.
    #[error("{file} was replaced or removed while the vault runs: stop the vault and restore from a backup")]
    Replaced {
        /// Which file.
        file: &'static str,
    },
    /// What would be committed could not be captured, and the vault is told to refuse then.
    #[error(
        "the backup spool is full, and the vault is configured to refuse then: raise `spool_limit_mb` or free the spool's \
         disk; the vault resumes by itself"
    )]
    SpoolFull,
    /// The index was damaged or of another version: it is derived, and the vault builds it anew by itself.
    #[error("the search index is being built anew: search again later")]
    Index,
    /// More waits for it than it takes in.
    #[error("more is asked of the vault than it can do: ask again later, and for less at a time")]
    Busy,
    /// The store is being closed.
    #[error("the vault is stopping")]
    Stopping,
}

impl Unavailable {
    /// What a database error means for the vault.
    pub(crate) fn from_database(error: &rusqlite::Error) -> Self {
        if is_full(error) { Self::DiskFull } else { Self::Disk { detail: error.to_string() } }
    }

    /// A page of a database is not what was written.
    pub(crate) fn damaged(database: Database) -> Self {
        Self::Disk { detail: format!("a page of {} is damaged", database.file_name()) }
    }

    pub(crate) fn from_io(error: &io::Error) -> Self {
        if has_no_space(error) { Self::DiskFull } else { Self::Disk { detail: error.to_string() } }
    }

    pub(crate) fn from_read(error: &ReadError) -> Self {
        match error {
            ReadError::Database(cause) => Self::from_database(cause),
            other => Self::Disk { detail: other.to_string() },
        }
    }

    pub(crate) fn from_recover(error: &RecoverError) -> Self {
        match error {
            full if disk_is_full(full) => Self::DiskFull,
            RecoverError::Open(cause) | RecoverError::Index(cause) | RecoverError::Read(ReadError::Database(cause)) => {
                Self::from_database(cause)
            }
            RecoverError::Documents(cause) => Self::from_io(cause),
            other => Self::Disk { detail: other.to_string() },
        }
    }
}

/// SQLite's word for a shared-memory file that could not grow; it tells no cause, and a full disk is the one there is.
const SHARED_MEMORY_SIZE: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

fn is_full(error: &rusqlite::Error) -> bool {
    let full = |code: &rusqlite::ffi::Error| {
        code.code == rusqlite::ErrorCode::DiskFull || code.extended_code == SHARED_MEMORY_SIZE
    };
    error.sqlite_error().is_some_and(full)
}

fn has_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a full disk is behind an error, however deep. It says nothing of what is stored, so it must never pass for
/// damage.
pub fn disk_is_full(error: &(dyn StdError + 'static)) -> bool {
    std::iter::successors(Some(error), |link: &&(dyn StdError + 'static)| (*link).source()).any(|link| {
        link.downcast_ref().is_some_and(is_full)
            || link.downcast_ref().is_some_and(has_no_space)
            || link.downcast_ref() == Some(&Unavailable::DiskFull)
    })
}

/// A read that failed.
#[derive(Debug, Error)]
pub enum ReadError {
    /// What was asked of [`Store::remembered`](crate::Store::remembered) stands in the databases only.
    #[error("this is not remembered: look it up in a snapshot")]
    NotRemembered,
    /// The databases did not answer.
    #[error("{}", unread(.0))]
    Database(#[source] rusqlite::Error),
    /// A page is not what was written.
    #[error("a page of {file} is damaged: run `coffre doctor`, then restore from a backup")]
    Damaged {
        /// The file.
        file: &'static str,
        /// What the database said of it.
        #[source]
        source: Option<Box<Self>>,
    },
    /// It cannot be asked at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A record's key is missing although the record was not erased.
    #[error("the key of record {subject} is missing: run `coffre doctor`, then restore from a backup")]
    KeyMissing {
        /// The record.
        subject: SubjectId,
    },
    /// A value did not decrypt.
    #[error("a value of record {subject} was changed outside Coffre: run `coffre doctor`, then restore from a backup")]
    Value {
        /// The record.
        subject: SubjectId,
        /// What the cipher said.
        #[source]
        source: CipherError,
    },
    /// A value decrypted to something that is not a value.
    #[error("a stored {what} is not in its format: restore from a backup")]
    Format {
        /// What it should be.
        what: &'static str,
    },
    /// A document's file is missing or unreadable.
    #[error("the file of document {document} cannot be read: restore it from a backup")]
    DocumentFile {
        /// The document.
        document: DocumentId,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A document's file does not decrypt.
    #[error("document {document} is damaged")]
    Document {
        /// The document.
        document: DocumentId,
        /// Where.
        #[source]
        source: DocumentError,
    },
}

impl ReadError {
    /// What it says of the system, where that is all that it says: what is stored may be as it was.
    pub fn of_the_system(&self) -> Option<Unavailable> {
        match self {
            full if disk_is_full(full) => Some(Unavailable::DiskFull),
            // The database's own words may name a path.
            Self::Database(cause) => {
                let is_the_systems = is_unread(cause) || is_of_the_moment(cause);
                let code = cause.sqlite_error().filter(|_| is_the_systems)?;
                Some(Unavailable::Disk { detail: code.to_string() })
            }
            Self::DocumentFile { source, .. } if source.kind() != io::ErrorKind::NotFound => {
                source.raw_os_error().map(|_| Unavailable::from_io(source))
            }
            _ => None,
        }
    }
}

/// Of a page that is not the one that was written, SQLite has a number alone.
fn unread(source: &rusqlite::Error) -> &'static str {
    if is_another_page(source) {
        "a page is not the one that was written last: run `coffre doctor`, then restore from a backup"
    } else {
        "the vault could not be read"
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database(source)
    }
}

/// A document that could not be staged. Nothing of it is left behind.
#[derive(Debug, Error)]
pub enum StageError {
    /// The subject does not exist or its key cannot be read.
    #[error("the document's record cannot be used")]
    Subject(#[source] ReadError),
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// There is no such document to replace.
    #[error("the record has no such document")]
    NoSuchDocument,
    /// The file could not be written.
    #[error("the document could not be written: check the disk's free space")]
    Write(#[source] io::Error),
}

/// A commit that did not happen. The transaction's own refusal is `Refused`.
#[derive(Debug, Error)]
pub enum CommitError<E: std::error::Error + 'static> {
    /// What the decision rested on has changed since: decide again.
    #[error("what the decision rested on has changed: decide again")]
    Moved,
    /// The transaction refused.
    #[error(transparent)]
    Refused(E),
    /// The store cannot commit now. Whether the change is there after a restart is not known.
    #[error(transparent)]
    Unavailable(Unavailable),
    /// The entry would not say what is disclosed, or is longer than the log takes: a mistake in the
    /// program, refused.
    #[error("the audit entry does not cover what would be done or disclosed, or is too long")]
    NotCovered,
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_the_system_could_not_read_is_not_called_damaged() {
        let of_database =
            |code| ReadError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).of_the_system();
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_CANTOPEN, ffi::SQLITE_BUSY] {
            assert!(matches!(of_database(code), Some(Unavailable::Disk { .. })), "{code}");
        }
        assert_eq!(of_database(ffi::SQLITE_FULL), Some(Unavailable::DiskFull));
        let damage =
            [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_IOERR_SHORT_READ, coffre_pages::IS_NOT_THE_PAGE];
        for code in damage {
            assert_eq!(of_database(code), None, "{code}");
        }
        let document = DocumentId::from_bytes([7; 16]);
        let of_document = |source| ReadError::DocumentFile { document, source }.of_the_system();
        let (broken, removed) = (io::Error::from_raw_os_error(5), io::Error::from_raw_os_error(2));
        assert!(matches!(of_document(broken), Some(Unavailable::Disk { .. })));
        assert_eq!(of_document(removed), None);
        assert_eq!(of_document(io::ErrorKind::InvalidData.into()), None);
    }
}
