//! A record's documents.

use std::collections::BTreeMap;

use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Snapshot;
use crate::disclosure::{Claim, Undisclosed};
use crate::document::{DocumentReader, Located};
use crate::error::ReadError;
use crate::model::DocumentInfo;
use crate::readers::Reader;

/// Columns of a document's row, in the order that `located` reads them.
pub(crate) const DOCUMENT: &str = "document, version, epoch, stored_at, sealed_length, note";

impl Snapshot<'_> {
    /// A record's documents at their current versions. The claim has no fields: names are content.
    pub fn documents(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
    ) -> Result<Undisclosed<Vec<DocumentInfo>>, ReadError> {
        let sql = format!(
            "SELECT {DOCUMENT} FROM documents AS d WHERE subject = ?1
             AND version = (SELECT max(version) FROM documents WHERE document = d.document) ORDER BY stored_at, document"
        );
        let located = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let rows = statement.query_map([subject.as_bytes()], located)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        let read = |_: &Reader, keys: &SubjectKeys<'_>| located.iter().map(|row| row.info(keys)).collect();
        let content = self.with_keys(kind, subject, Vec::new(), read)?;
        Ok(Undisclosed::new(Claim::fields(subject, Vec::new()), content))
    }

    /// The current version's number of a record's document; `None` when it has no such document.
    pub fn document_version(&self, subject: SubjectId, document: DocumentId) -> Result<Option<u32>, ReadError> {
        self.ask(|reader| {
            let sql = "SELECT max(version) FROM documents WHERE document = ?1 AND subject = ?2";
            let mut statement = reader.vault.prepare_cached(sql)?;
            Ok(statement.query_row(params![document.as_bytes(), subject.as_bytes()], |row| row.get(0))?)
        })
    }

    /// The current versions' numbers of all of a record's documents: nothing of what they are.
    pub fn document_versions(&self, subject: SubjectId) -> Result<BTreeMap<DocumentId, u32>, ReadError> {
        self.ask(|reader| {
            let sql = "SELECT document, max(version) FROM documents WHERE subject = ?1 GROUP BY document";
            let mut statement = reader.vault.prepare_cached(sql)?;
            let rows = statement.query_map([subject.as_bytes()], |row| {
                Ok((DocumentId::from_bytes(row.get(0)?), row.get::<_, u32>(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A document's content in a version; `None` when there is no such document or version.
    pub fn document(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        document: DocumentId,
        version: u32,
    ) -> Result<Option<Undisclosed<DocumentReader>>, ReadError> {
        let sql = format!("SELECT {DOCUMENT} FROM documents WHERE document = ?1 AND version = ?2 AND subject = ?3");
        let row = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let place = params![document.as_bytes(), version, subject.as_bytes()];
            Ok(statement.query_row(place, located).optional()?)
        })?;
        let Some(row) = row else { return Ok(None) };
        let read = |_: &Reader, keys: &SubjectKeys<'_>| row.open(&self.shared.folder, keys).map(Some);
        let reader = self.with_keys(kind, subject, None, read)?;
        Ok(reader.map(|reader| Undisclosed::new(Claim::document(subject, document, version), reader)))
    }

    /// A former version of a document, to be staged again within the store.
    pub(crate) fn former_document(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        document: DocumentId,
        version: u32,
    ) -> Result<Option<DocumentReader>, ReadError> {
        Ok(self.document(kind, subject, document, version)?.map(Undisclosed::into_inner))
    }
}

pub(crate) fn located(row: &Row<'_>) -> rusqlite::Result<Located> {
    Ok(Located {
        document: DocumentId::from_bytes(row.get(0)?),
        version: row.get(1)?,
        epoch: row.get(2)?,
        stored_at: Timestamp::from_micros(row.get(3)?),
        sealed_length: row.get(4)?,
        note: row.get(5)?,
    })
}
