//! An open vault: the store's handle, cheap to clone. The vault is sealed again when the last
//! handle is dropped.

use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::Draft;
use coffre_core::crypto::Scope;
use coffre_core::ids::{DocumentId, GenerationId, SubjectId};
use coffre_core::note::VerificationKey;
use coffre_core::record::RecordTypeName;
use coffre_core::search::SearchIndex;
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::clock::Clock;
use crate::disclosure::{Depends, Disclosure, Receipt};
use crate::document::{DocumentWriter, StagedDocument};
use crate::error::{ReadError, StageError, Unavailable};
use crate::identity::Identity;
use crate::model::{NewSubject, SignedHead, Statistics};
use crate::snapshot::Snapshot;
use crate::transactions::Transaction;
use crate::writer::Pending;

/// How to open a vault.
#[derive(Clone)]
pub struct OpenOptions {
    /// Which fields are searchable, by the record types.
    pub indexes: Vec<SearchIndex>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How many reader connections.
    pub readers: usize,
}

/// A vault that did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the vault is open in another process: stop it, or let the command talk to it (it does when the server runs)"
    )]
    Locked,
}

/// An open vault.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens a vault with the server identity: takes the owner lock, unwraps the keys, finishes what
    /// a crash left, and starts the writer.
    pub fn open(_dir: &Path, _identity: &Identity, _options: OpenOptions) -> Result<Self, OpenError> {
        todo!()
    }

    /// The environment and vault.
    pub fn scope(&self) -> &Scope {
        todo!()
    }

    /// The generation.
    pub fn generation(&self) -> GenerationId {
        todo!()
    }

    /// The key that verifies tree heads and manifests.
    pub fn verification_key(&self) -> &VerificationKey {
        todo!()
    }

    /// The recovery recipient (`age1…`).
    pub fn recovery_recipient(&self) -> &str {
        todo!()
    }

    /// The store's clock.
    pub fn now(&self) -> Timestamp {
        todo!()
    }

    /// Whether the store can serve now, and if not, why.
    pub fn readiness(&self) -> Result<(), Unavailable> {
        todo!()
    }

    /// A consistent view. Blocks while a checkpoint runs.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ReadError> {
        todo!()
    }

    /// The newest signed tree head.
    pub fn tree_head(&self) -> SignedHead {
        todo!()
    }

    /// Counts.
    pub fn statistics(&self) -> Result<Statistics, ReadError> {
        todo!()
    }

    /// Commits the entry of a read (or a denial, without claims), and gives the receipt once it is durable.
    pub fn disclose(&self, _disclosure: Disclosure) -> Pending<Receipt, std::convert::Infallible> {
        todo!()
    }

    /// Runs a named transaction; the answer comes when it is durable with its entries. The receipt is
    /// of its first entry.
    pub fn transact<T: Transaction>(
        &self,
        _transaction: T,
        _base: Draft,
        _reason: Option<String>,
        _depends: Depends,
    ) -> Pending<(T::Output, Receipt), T::Error> {
        todo!()
    }

    /// Whether what a long stream rests on still holds; asked every 8 MiB.
    pub fn still_holds(&self, _depends: &Depends) -> bool {
        todo!()
    }

    /// A new data subject, known to nobody yet.
    pub fn new_subject(&self) -> NewSubject {
        todo!()
    }

    /// Starts a document of a record: a new one, or the next version of one.
    pub fn stage_document(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
        _replaces: Option<DocumentId>,
        _file_name: &str,
        _media_type: &str,
    ) -> Result<DocumentWriter, StageError> {
        todo!()
    }

    /// Starts a document of a data subject that is about to be created.
    pub fn stage_for_new(
        &self,
        _kind: &RecordTypeName,
        _subject: &NewSubject,
        _file_name: &str,
        _media_type: &str,
    ) -> Result<DocumentWriter, StageError> {
        todo!()
    }

    /// Stages a former version of a document again, as its next version.
    pub fn stage_former(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
        _document: DocumentId,
        _version: u32,
    ) -> Result<Option<StagedDocument>, StageError> {
        todo!()
    }

    /// Ends the writer after what it accepted, checkpoints and closes. Further calls answer `Stopping`.
    pub fn close(&self) {
        todo!()
    }
}
