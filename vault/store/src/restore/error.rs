//! Why a restored vault is not to be used.

use std::io;

use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::time::Timestamp;
use coffre_core::tlog::{HeadError, LogFault};
use coffre_core::tombstone::TombstoneError;
use thiserror::Error;

use crate::error::{ReadError, disk_is_full};
use crate::init::InitError;
use crate::open::OpenError;
use crate::root::RootError;

/// A restored vault that is not to be used. Nothing of what was fetched is changed.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The identity does not open it.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Whoever watches asked for it.
    #[error("stopped as asked: run the same command again")]
    Stopped,
    /// The backup is of another vault than the pinned one.
    #[error("the backup is not of the vault that the verification key names: check --vault-key")]
    OtherVault,
    /// A database does not open.
    #[error("{file} does not open with the vault's key: fetch it again from another copy")]
    Database {
        /// Which file.
        file: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A page's MAC or the structure is wrong.
    #[error("{file} is damaged ({detail}): fetch it again from another copy")]
    Pages {
        /// Which file.
        file: &'static str,
        /// What the check said.
        detail: String,
    },
    /// The manifest holds no usable tree head.
    #[error("the manifest's tree head is not usable: choose another backup")]
    Head(#[source] HeadError),
    /// The log does not agree with its head.
    #[error("the audit log does not agree with its signed head")]
    Log(#[source] LogFault),
    /// The moment is in a history that was left behind.
    #[error(
        "the moment of {time} is not in the history that the newest log tells: it was left behind by a restore that gave \
         up part of the log; choose another moment"
    )]
    OtherHistory {
        /// The moment.
        time: Timestamp,
        /// How the two differ.
        #[source]
        source: LogFault,
    },
    /// An erasure that cannot be believed.
    #[error(
        "keyring.db has no sound tombstone for record {subject}, which it calls erased: fetch the keyring again from another copy"
    )]
    Tombstone {
        /// The record.
        subject: SubjectId,
        /// What is wrong with it; nothing where it is of another record.
        #[source]
        source: Option<TombstoneError>,
    },
    /// A record does not decrypt.
    #[error("a record cannot be read")]
    Record(#[source] ReadError),
    /// A document does not decrypt.
    #[error("document {document} cannot be read: fetch it again from another copy")]
    Document {
        /// Which document.
        document: DocumentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The new generation could not be written.
    #[error("the new generation could not be written: check permissions and free space")]
    Write(#[source] io::Error),
    /// The new server identity could not be written.
    #[error(transparent)]
    Identity(#[from] InitError),
}

impl RestoreError {
    pub(super) const fn record_type() -> Self {
        Self::Record(ReadError::Format { what: "record type" })
    }

    /// The same, unless a full disk is behind it, which proves nothing against the backup.
    pub(super) fn unless_full(self) -> Self {
        if disk_is_full(&self) { Self::Open(OpenError::Full) } else { self }
    }
}

impl From<super::Stopped> for RestoreError {
    fn from(_: super::Stopped) -> Self {
        Self::Stopped
    }
}
