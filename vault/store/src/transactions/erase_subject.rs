//! Erasing a data subject by destroying its key (crypto-shredding). The key goes once the erasure is
//! committed with its entry, so that a crash in between leaves something to go through with, not a
//! record without a key that nobody erased.

use std::collections::BTreeSet;

use coffre_core::audit::Draft;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::spool::DocumentName;
use coffre_core::tombstone::Tombstone;
use rusqlite::{Connection, params};
use thiserror::Error;

use super::Transaction;
use crate::writer::{AccessKey, Work, WorkError};
use crate::{index_file, schema, subject_keys, values};

/// Replaces the subject's key by a tombstone and removes its values, documents and index rows.
/// Whether it may be erased (holds, retention) is decided by the caller.
pub struct EraseSubject {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// Fields whose values no import may bring back, such as the legacy client number: kept as keyed
    /// hashes.
    pub remember: Vec<FieldPath>,
}

/// A record that was not erased.
#[derive(Debug, Error)]
pub enum EraseError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for EraseSubject {
    type Output = ();
    type Error = EraseError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), EraseError> {
        let current = work.record(&self.record_type, self.subject)?.ok_or(EraseError::NoSuchRecord)?.version;
        let around = work.around;
        let key = work.subject_key(&self.record_type, self.subject)?;
        let keys = subject_keys(around.scope, around.keys, &self.record_type, self.subject, &key);
        let values = work.try_run(values::all_at(around.vault, &keys, current))?;
        let mut remembered = values;
        remembered.0.retain(|field, _| self.remember.contains(field));
        let tags = index_file::tags(around.scope, around.keys, around.indexes, &self.record_type, &remembered);
        let tombstone = Tombstone {
            record_type: self.record_type.clone(),
            subject: self.subject,
            erased_at: work.now(),
            terms: tags.into_iter().collect(),
        };
        let files = work.try_run(remove_rows(around.vault, &tombstone))?;
        work.effects.removed.extend(files);
        work.effects.erased.push(tombstone);
        work.effects.records.push((self.subject, BTreeSet::new()));
        work.access_changed(AccessKey::Subject(self.subject));
        let mut entry = base;
        entry.record_type = Some(self.record_type);
        entry.subjects = vec![self.subject];
        work.log(entry);
        Ok(())
    }
}

/// Removes a subject's rows and keeps its tombstone, and its terms as keyed hashes so that no import brings it
/// back; gives the document files to remove.
pub(crate) fn remove_rows(vault: &Connection, tombstone: &Tombstone) -> rusqlite::Result<Vec<DocumentName>> {
    let subject = tombstone.subject.as_bytes();
    keep_terms(vault, &tombstone.terms)?;
    let files = remove_documents(vault, tombstone.subject)?;
    vault.execute(schema::SILENCE_FILINGS, [subject])?;
    vault.execute(schema::SILENCE_ANSWERS, [subject])?;
    for table in schema::OF_SUBJECT {
        vault.execute(&format!("DELETE FROM {table} WHERE subject = ?1"), [subject])?;
    }
    let (kind, at, terms) = (tombstone.record_type.as_str(), tombstone.erased_at.as_micros(), tombstone.terms.concat());
    vault.execute(
        "INSERT INTO tombstones (subject, record_type, erased_at, terms) VALUES (?1, ?2, ?3, ?4)",
        params![subject, kind, at, terms],
    )?;
    Ok(files)
}

/// Remembers, as keyed hashes, what no import brings back.
pub(super) fn keep_terms<'t>(
    vault: &Connection,
    terms: impl IntoIterator<Item = &'t [u8; 16]>,
) -> rusqlite::Result<()> {
    let mut keep = vault.prepare_cached("INSERT OR IGNORE INTO erased_terms (tag) VALUES (?1)")?;
    terms.into_iter().try_for_each(|tag| keep.execute([tag]).map(drop))
}

/// Removes a subject's documents, and remembers that their files are to go; gives these.
pub(super) fn remove_documents(vault: &Connection, subject: SubjectId) -> rusqlite::Result<Vec<DocumentName>> {
    let subject = subject.as_bytes();
    let mut listed = vault.prepare_cached("SELECT document, version, epoch FROM documents WHERE subject = ?1")?;
    let rows = listed.query_map([subject], |row| {
        Ok(DocumentName { document: DocumentId::from_bytes(row.get(0)?), version: row.get(1)?, epoch: row.get(2)? })
    })?;
    let files = rows.collect::<Result<Vec<_>, _>>()?;
    vault.execute(
        "INSERT OR IGNORE INTO removed_documents SELECT document, version FROM documents WHERE subject = ?1",
        [subject],
    )?;
    vault.execute("DELETE FROM documents WHERE subject = ?1", [subject])?;
    Ok(files)
}
