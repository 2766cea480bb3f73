//! Why a vault does not open, and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::connection;
use crate::error::{ReadError, disk_is_full};
use crate::kept_pages::PagesError;
use crate::layout::Database;
use crate::root::RootError;
use crate::writer::RecoverError;

/// A vault that did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the vault is open in another process: stop that process first")]
    Locked,
    /// There is no vault.
    #[error("there is no vault in {path}: make one with `coffre init`, or restore one with `coffre restore`", path = path.display())]
    NoVault {
        /// The directory.
        path: PathBuf,
    },
    /// Others can read the directory.
    #[error("{path} can be read by others: run `chmod 700 {path}`", path = path.display())]
    Permissions {
        /// The directory.
        path: PathBuf,
    },
    /// There is no space to open it in. Whatever it looked like, nothing is known to be damaged.
    #[error("the disk that holds the vault is full: free space, then run this again")]
    Full,
    /// The keys do not open.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A database does not open with the vault's key.
    #[error("{file} does not open: it is damaged, or of another vault; restore it from a backup")]
    Database {
        /// Which file.
        file: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database file has a page that this vault did not write there.
    #[error(
        "{file} has a page that is not the one that was written last: the disk, another program or somebody changed it while the vault was down. Keep the vault as evidence and restore it from a backup; if you know that another program opened the file, start once with `coffre serve --accept-pages`"
    )]
    OtherPage {
        /// Which file.
        file: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database was made by a newer version.
    #[error("{file} has format {found}, this version of coffre knows {known}: use a newer coffre")]
    Newer {
        /// Which file.
        file: &'static str,
        /// Its format.
        found: i32,
        /// The newest format known.
        known: i32,
    },
    /// A database was made by an older version, whose tables were others.
    #[error(
        "{file} has format {found}, this version of coffre knows none before {known}: use the coffre that made the vault, or make it anew with `coffre init` and `coffre import`"
    )]
    Older {
        /// Which file.
        file: &'static str,
        /// Its format.
        found: i32,
        /// The oldest format known.
        known: i32,
    },
    /// Stored data is not what it should be.
    #[error("the vault is damaged ({detail}): restore it from a backup")]
    Damaged {
        /// What is wrong.
        detail: String,
        /// Where it was found.
        #[source]
        source: Option<ReadError>,
    },
    /// The system refused.
    #[error("the vault's files cannot be used: check the disk and permissions")]
    Io(#[from] io::Error),
}

impl OpenError {
    /// What a database said that is opened.
    pub(super) fn of(file: &'static str, source: rusqlite::Error) -> Self {
        if connection::is_another_page(&source) {
            Self::OtherPage { file, source }
        } else {
            Self::Database { file, source }
        }
    }

    /// The same, unless a full disk is behind it.
    pub(crate) fn unless_full(self) -> Self {
        if disk_is_full(&self) { Self::Full } else { self }
    }
}

impl From<PagesError> for OpenError {
    fn from(error: PagesError) -> Self {
        match error {
            PagesError::Io(source) if source.kind() != io::ErrorKind::NotFound => Self::Io(source),
            error => Self::Damaged { detail: error.to_string(), source: None },
        }
    }
}

impl From<RecoverError> for OpenError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Documents(source) => Self::Io(source),
            RecoverError::Open(source) | RecoverError::Read(ReadError::Database(source))
                if connection::is_another_page(&source) =>
            {
                Self::OtherPage { file: "a database", source }
            }
            RecoverError::Open(source) => Self::Database { file: "a database", source },
            RecoverError::Index(source) if disk_is_full(&source) => Self::Full,
            // Derived: there is nothing to restore.
            RecoverError::Index(source) => Self::Io(io::Error::other(format!(
                "{}: {source}; if that stays so, remove the file: it is derived, and built anew",
                Database::Index.file_name()
            ))),
            RecoverError::NewIndex(error) => *error,
            RecoverError::Read(source) => Self::Damaged { detail: source.to_string(), source: Some(source) },
            lost => Self::Damaged { detail: lost.to_string(), source: None },
        }
    }
}
