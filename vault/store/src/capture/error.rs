//! A base backup that was not taken.

use std::io;

use coffre_core::ids::DocumentId;
use coffre_core::spool::ManifestError;
use thiserror::Error;

use crate::error::{Unavailable, disk_is_full};
use crate::key_files::KeyFileFault;

/// A base backup that was not taken. The spool is as good as before.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The vault cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Another capture is under way.
    #[error("another base backup is being taken: wait for it")]
    Busy,
    /// Between two root keys.
    #[error(
        "a rotation of the root key is not finished, and a base backup of now may open for nobody: start the vault again, which finishes the rotation, or undoes it, then take the backup again"
    )]
    HalfRotated,
    /// A database could not be brought into order.
    #[error("a database could not be prepared for the copy: try again")]
    Database(#[source] rusqlite::Error),
    /// A file of the vault could not be read.
    #[error("a file of the vault could not be read: run `coffre doctor`")]
    Read(#[source] io::Error),
    /// A key file is not what it was: with it, the backup would open for nobody.
    #[error(transparent)]
    KeyFile(#[from] KeyFileFault),
    /// A database file has a page that was not written last: the disk, or somebody, changed it.
    #[error(
        "page {page} of {file} is not the one that was written: keep the vault as evidence, and restore it from an earlier backup"
    )]
    Page {
        /// The file.
        file: &'static str,
        /// The page, from 1 on.
        page: u64,
    },
    /// A document is not what was stored.
    #[error("document {document} is damaged: restore it from an earlier backup, then take this one again")]
    Document {
        /// The document.
        document: DocumentId,
    },
    /// A document's file is not there.
    #[error("document {document} has no file any more: restore it from an earlier backup, then take this one again")]
    NoDocument {
        /// The document.
        document: DocumentId,
    },
    /// Another process captures into the spool.
    #[error("another vault captures into this spool: stop it, or configure a spool of its own")]
    SpoolInUse,
    /// The spool has no space left.
    #[error("the disk that holds the spool is full: free space, then take the backup again")]
    SpoolFull,
    /// The spool has the size that it may have.
    #[error(
        "the spool has reached its declared size of {limit} bytes: raise `spool_limit_mb`, bring back the destination that it waits for, or keep fewer base backups in it"
    )]
    SpoolLimit {
        /// That size.
        limit: u64,
    },
    /// The spool could not be written.
    #[error(
        "the spool could not be written ({0}): check the folder, its permissions, and that the unit lets the vault write there (ReadWritePaths)"
    )]
    Spool(#[source] io::Error),
    /// The write-ahead logs grew too long while it was copied.
    #[error(
        "the copy into the spool took so long that the write-ahead logs would have filled the vault's disk: see whether the spool's disk hangs or is slow; it is tried again by itself"
    )]
    GivenUp,
    /// Continuous capture did not get there.
    #[error("what was committed could not be captured ({cause}): it is tried again by itself")]
    Behind {
        /// Why.
        cause: String,
    },
    /// A manifest cannot be believed, or not be written.
    #[error(
        "a manifest of the vault's own is damaged: put back its copy (`chain/main.note` and `chain/keyring.note` in the vault are the newest in the folders `manifests/` of the spool), then take the backup again"
    )]
    Manifest(#[from] ManifestError),
}

impl CaptureError {
    /// Whether the spool has no room.
    pub(super) const fn is_full_spool(&self) -> bool {
        matches!(self, Self::SpoolFull | Self::SpoolLimit { .. })
    }

    /// A document's file that could not be opened.
    pub(super) fn of_file(document: DocumentId, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::NoDocument { document } } else { Self::Read(error) }
    }

    /// Whether a document's file is not there, because it was erased meanwhile if that is no damage.
    pub(super) const fn is_of_something_gone(&self) -> bool {
        matches!(self, Self::NoDocument { .. })
    }

    /// A full disk by its name: the spool's, or the vault's own.
    pub(super) fn naming_a_full_disk(self) -> Self {
        match self {
            Self::Spool(_) if disk_is_full(&self) => Self::SpoolFull,
            Self::Database(_) | Self::Read(_) if disk_is_full(&self) => Self::Unavailable(Unavailable::DiskFull),
            other => other,
        }
    }
}
