//! Storing a staged document, or a former version of one again.

use std::sync::{Arc, Mutex, PoisonError};

use coffre_core::audit::{DocumentRef, Draft};
use coffre_core::crypto::hex;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::RecordTypeName;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::{Transaction, sources};
use crate::document::StagedDocument;
use crate::writer::{Work, WorkError};

/// Adds a staged document to its record: a new document, the next version of one, or a former
/// version again as the next one.
pub struct AddDocument {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The document, written and synced by `Store::stage_document`.
    pub staged: Offered,
}

/// A staged document that is taken when it comes to be stored, and not before: where a decision has moved it can be made
/// again with the same.
#[derive(Clone)]
pub struct Offered(Arc<Mutex<Option<StagedDocument>>>);

impl Offered {
    fn take(&self) -> Option<StagedDocument> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl From<StagedDocument> for Offered {
    fn from(staged: StagedDocument) -> Self {
        Self(Arc::new(Mutex::new(Some(staged))))
    }
}

/// A document that was not stored.
#[derive(Debug, Error)]
pub enum AddDocumentError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// Another version was stored meanwhile.
    #[error("another version of the document was stored meanwhile: send it again")]
    Stale,
    /// It was taken before.
    #[error("the document was stored or given up before: send it again")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AddDocument {
    /// The document and its version.
    type Output = (DocumentId, u32);
    type Error = AddDocumentError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Self::Output, Self::Error> {
        let staged = self.staged.take().ok_or(AddDocumentError::Taken)?;
        let (document, version) = (staged.document, staged.version);
        work.record(&self.record_type, staged.subject)?.ok_or(AddDocumentError::NoSuchRecord)?;
        if newest(work, document, staged.subject)?.unwrap_or(0) + 1 != version {
            return Err(AddDocumentError::Stale);
        }
        sources::note(work, staged.subject, &base)?;
        let mut entry = base;
        entry.record_type = Some(self.record_type);
        entry.subjects = vec![staged.subject];
        entry.document = Some(insert(work, staged)?);
        work.log(entry);
        Ok((document, version))
    }
}

fn newest(work: &Work<'_>, document: DocumentId, subject: SubjectId) -> Result<Option<u32>, WorkError> {
    let find = || {
        work.around
            .vault
            .prepare_cached("SELECT max(version) FROM documents WHERE document = ?1 AND subject = ?2")?
            .query_row(params![document.as_bytes(), subject.as_bytes()], |row| row.get(0))
            .optional()
    };
    Ok(work.try_run(find())?.flatten())
}

/// Stores the row of a staged document; its file is renamed after the commit.
pub(super) fn insert(work: &mut Work<'_>, staged: StagedDocument) -> Result<DocumentRef, WorkError> {
    let insert = || {
        work.around
            .vault
            .prepare_cached(
                "INSERT INTO documents (document, version, subject, epoch, stored_at, sealed_length, sealed_sha256, note)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                staged.document.as_bytes(),
                staged.version,
                staged.subject.as_bytes(),
                staged.epoch.number(),
                work.now().as_micros(),
                staged.sealed_length,
                staged.sealed_sha256,
                staged.note
            ])
    };
    work.try_run(insert())?;
    let sha256 = Some(hex(&staged.sealed_sha256));
    let named = DocumentRef { id: staged.document, version: staged.version, sha256 };
    work.effects.staged.push(staged);
    Ok(named)
}
