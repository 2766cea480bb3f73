//! Storing a staged document, or a former version of one again.

use coffre_core::audit::Draft;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::RecordTypeName;
use thiserror::Error;

use super::Transaction;
use crate::document::StagedDocument;
use crate::writer::{Work, WorkError};

/// Adds a staged document to its record: a new document, or a new version of one.
pub struct AddDocument {
    /// The document, written and synced by `Store::stage_document`.
    pub staged: StagedDocument,
}

/// Makes a former version of a document the current one again, as a new version.
pub struct RestoreDocument {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The document.
    pub document: DocumentId,
    /// The version to restore, staged again under its new number.
    pub staged: StagedDocument,
}

/// A document that was not stored.
#[derive(Debug, Error)]
pub enum DocumentTransactionError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// There is no such document.
    #[error("the record has no such document")]
    NoSuchDocument,
    /// Another version was stored meanwhile.
    #[error("another version of the document was stored meanwhile: send it again")]
    Stale,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AddDocument {
    /// The document and its version.
    type Output = (DocumentId, u32);
    type Error = DocumentTransactionError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<Self::Output, Self::Error> {
        todo!()
    }
}

impl Transaction for RestoreDocument {
    /// The document and its new version.
    type Output = (DocumentId, u32);
    type Error = DocumentTransactionError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<Self::Output, Self::Error> {
        todo!()
    }
}
