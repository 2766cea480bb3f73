//! What an import needs of a vault, and nothing more: three verbs. The store is behind it in a running
//! vault, a map in the tests, which also make each verb fail.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::io::{self, Read};

use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::{DocumentId, GrantId};
use coffre_core::record::{Category, Fields};
use coffre_core::time::Timestamp;

use crate::candidate::{DocumentCandidate, RecordCandidate};
use crate::plan::Change;

/// A vault, as an import sees it. One thread brings batches, another one proves those that were brought.
pub trait ImportTarget: Sync {
    /// What the vault holds for each of these legacy keys, in their order. Documents are described,
    /// not opened.
    fn find(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError>;

    /// Hands over a batch of changes, to be made durable all of them or none, each with its audit entry.
    /// Documents have been read to their end when it returns; when one cannot be, nothing of the batch may be kept.
    fn admit(&self, batch: &[Admission], bodies: &dyn DocumentBodies) -> Result<Admitting, TargetError>;

    /// The content that the vault gives back for each of these legacy keys, in their order: read and decrypted
    /// from where it is stored, documents hashed from their stored bytes. Grants and history are not looked up.
    fn read_back(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError>;
}

/// A batch on its way. Whoever loses interest in it waits too: when an import has ended, nothing of it is under way.
#[must_use = "nothing is durable before it was waited for"]
pub struct Admitting(Option<Wait>);

type Wait = Box<dyn FnOnce() -> Result<(), TargetError> + Send>;

impl Admitting {
    /// A batch that is durable when this returns.
    pub fn new(wait: impl FnOnce() -> Result<(), TargetError> + Send + 'static) -> Self {
        Self(Some(Box::new(wait)))
    }

    /// Waits until it is durable.
    pub(crate) fn durable(mut self) -> Result<(), TargetError> {
        self.0.take().map_or(Ok(()), |wait| wait())
    }
}

impl Drop for Admitting {
    fn drop(&mut self) {
        // Why it failed, if it did, is told by the batch before it.
        let _ended = self.0.take().map(|wait| wait());
    }
}

/// Opens the documents of the source.
pub trait DocumentBodies {
    /// The bytes of a document. Reading them to the end fails when they are no longer those that the
    /// candidate was made of.
    fn open(&self, document: &DocumentCandidate) -> io::Result<Box<dyn Read + '_>>;
}

/// What a vault knows of a legacy key.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing.
    Absent,
    /// The person was erased, or retention has removed the key: nobody is brought back.
    Erased,
    /// Several records that cannot be told apart by it: nothing says which one the source speaks of.
    Several,
    /// A record.
    Present(Box<StoredRecord>),
}

/// A record that an earlier import, or this one, brought. `Debug` shows none of its content.
#[derive(Clone)]
pub struct StoredRecord {
    /// Its version.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Whether its processing is restricted (GDPR article 18).
    pub restricted: bool,
    /// Its categories that are set apart in the intermediate archive.
    pub archived: BTreeSet<Category>,
    /// Whether anything else than an import has written its newest version, as far as the log tells.
    pub changed_in_vault: bool,
    /// Its values; fields that name a document hold the document's identifier.
    pub fields: Fields,
    /// Its documents.
    pub documents: Vec<StoredDocument>,
    /// Its grants, whatever their state.
    pub grants: Vec<Grant>,
    /// Those of them of which the log tells that an import gave them.
    pub given_by_imports: BTreeSet<GrantId>,
    /// The purposes that the person objected to (GDPR article 21).
    pub objected_to: BTreeSet<String>,
}

impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRecord(version {}, {:?}, {} documents)", self.version, self.fields, self.documents.len())
    }
}

/// A document of a record. `Debug` leaves out its name.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its identifier.
    pub id: DocumentId,
    /// Its file name.
    pub file_name: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Whether anything else than an import has written its newest version, as far as the log tells.
    pub changed_in_vault: bool,
}

impl fmt::Debug for StoredDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredDocument({})", self.id)
    }
}

/// One record to bring or to change.
#[derive(Debug, Clone)]
pub enum Admission {
    /// A new record with its documents and grants.
    New {
        /// The record.
        candidate: RecordCandidate,
        /// The grants that the grants file gives on it.
        grants: Vec<GrantTerms>,
    },
    /// A change of one that is there.
    Change {
        /// The record as it is to be.
        candidate: RecordCandidate,
        /// The version that was compared with.
        version: u32,
        /// What to change.
        change: Change,
    },
}

impl Admission {
    /// The record as it is to be.
    pub const fn candidate(&self) -> &RecordCandidate {
        match self {
            Self::New { candidate, .. } | Self::Change { candidate, .. } => candidate,
        }
    }
}

/// A vault that cannot do what was asked; what it did before stays done.
#[derive(Debug)]
pub struct TargetError(pub Box<dyn Error + Send + Sync>);

impl TargetError {
    /// The error of a vault.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TargetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The stored document that one of the source is, by its name. The vault may hold others of that name: then it is the one
/// that an import wrote; without such a one, the one with its content.
pub(crate) fn counterpart<'s>(stored: &'s [StoredDocument], of: &DocumentCandidate) -> Option<&'s StoredDocument> {
    let of_its_name = stored.iter().filter(|document| document.file_name == of.file_name);
    of_its_name.min_by_key(|document| (document.changed_in_vault, document.sha256 != of.sha256, document.id))
}
