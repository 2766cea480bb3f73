//! Encrypting anew what stands under a former epoch. It says the same afterwards, under the same version and from the same time: what
//! changes is the ciphertext, and its hash in the log.

use std::convert::Infallible;

use coffre_core::audit::{Action, DocumentRef, Draft, SealedValue};
use coffre_core::crypto::{hex, sha256};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{Category, RecordTypeName};
use coffre_core::spool::DocumentName;
use rusqlite::{Row, params};
use thiserror::Error;

use super::Transaction;
use crate::clock::SystemEntropy;
use crate::document::StagedDocument;
use crate::error::ReadError;
use crate::writer::{Work, WorkError};
use crate::{filings, keyring, rights, subject_keys};

/// An entry names at most so many values: it stays far below the longest leaf.
const NAMED: usize = 250;

/// Encrypts the values of all versions of a record anew, and what requests and holds say about its data subject. Nothing is done about
/// somebody who was erased meanwhile.
pub(crate) struct ReencryptRecord {
    pub(crate) record_type: RecordTypeName,
    pub(crate) subject: SubjectId,
}

impl Transaction for ReencryptRecord {
    type Output = ();
    type Error = WorkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), WorkError> {
        let around = work.around;
        let found = keyring::find(around.keyring, around.scope, around.keys, &self.record_type, self.subject);
        let Some(key) = work.try_run(found)? else { return Ok(()) };
        let keys = subject_keys(around.scope, around.keys, &self.record_type, self.subject, &key);
        let values = reencrypt_values(work, &keys)?;
        let notes = reencrypt_holds(work, &keys)? + reencrypt_steps(work, &keys)?;
        let base = about(base, &self.record_type, self.subject, around.epoch);
        if values.is_empty() && notes > 0 {
            work.log(base.clone());
        }
        for values in values.chunks(NAMED) {
            work.log(Draft { values: values.to_vec(), ..base.clone() });
        }
        Ok(())
    }
}

fn about(base: Draft, kind: &RecordTypeName, subject: SubjectId, epoch: u32) -> Draft {
    let (record_type, subjects) = (Some(kind.clone()), vec![subject]);
    Draft { action: Action::Reencrypt, record_type, subjects, target: Some(epoch.to_string()), ..base }
}

/// The rows of a subject that are of a former epoch.
fn former<T>(
    work: &Work<'_>,
    sql: &str,
    subject: SubjectId,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, WorkError> {
    let find = || {
        let mut statement = work.around.vault.prepare_cached(sql)?;
        statement.query_map(params![subject.as_bytes(), work.around.epoch], read)?.collect::<rusqlite::Result<Vec<T>>>()
    };
    work.try_run(find())
}

fn reencrypt_values(work: &Work<'_>, keys: &SubjectKeys<'_>) -> Result<Vec<SealedValue>, WorkError> {
    let (subject, epoch) = (keys.subject, work.around.epoch);
    let sql = "SELECT category, version, epoch, sealed FROM record_values WHERE subject = ?1 AND epoch < ?2";
    let rows = former(work, sql, subject, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?, row.get::<_, Vec<u8>>(3)?))
    })?;
    let mut written = Vec::with_capacity(rows.len());
    for (category, version, from, sealed) in rows {
        let category: Category = category.parse().map_err(|_| ReadError::Format { what: "category" })?;
        let plain = keys.open_value(&category, version, from, &sealed);
        let plain = plain.map_err(|source| ReadError::Value { subject, source })?;
        let sealed = keys.seal_value(&category, version, epoch, &plain, &mut SystemEntropy);
        let sealed = sealed.map_err(|_| ReadError::Format { what: "value" })?;
        let replace = || {
            let sql = "UPDATE record_values SET epoch = ?4, sealed = ?5
                       WHERE subject = ?1 AND category = ?2 AND version = ?3";
            let place = params![subject.as_bytes(), category.as_str(), version, epoch, sealed];
            work.around.vault.prepare_cached(sql)?.execute(place)
        };
        work.try_run(replace())?;
        written.push(SealedValue { category, version, sha256: hex(&sha256(&sealed)) });
    }
    Ok(written)
}

/// Encrypts a note anew.
fn renewed(
    work: &Work<'_>,
    keys: &SubjectKeys<'_>,
    (kind, about): (&str, &[u8]),
    (from, sealed): (u32, &[u8]),
) -> Result<Vec<u8>, WorkError> {
    let plain = keys.open_note(kind, about, from, sealed);
    let plain = plain.map_err(|source| ReadError::Value { subject: keys.subject, source })?;
    let sealed = keys.seal_note(kind, about, work.around.epoch, &plain, &mut SystemEntropy);
    Ok(sealed.map_err(|_| ReadError::Format { what: "note" })?)
}

fn reencrypt_holds(work: &Work<'_>, keys: &SubjectKeys<'_>) -> Result<usize, WorkError> {
    let sql = "SELECT id, epoch, sealed FROM holds WHERE subject = ?1 AND epoch < ?2";
    let rows = former(work, sql, keys.subject, |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, u32>(1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    for (id, from, sealed) in &rows {
        let sealed = renewed(work, keys, (rights::HOLD_NOTE, id), (*from, sealed))?;
        let replace = || {
            let sql = "UPDATE holds SET epoch = ?2, sealed = ?3 WHERE id = ?1";
            work.around.vault.prepare_cached(sql)?.execute(params![id, work.around.epoch, sealed])
        };
        work.try_run(replace())?;
    }
    Ok(rows.len())
}

fn reencrypt_steps(work: &Work<'_>, keys: &SubjectKeys<'_>) -> Result<usize, WorkError> {
    let sql = "SELECT filing, step, epoch, sealed FROM filing_steps
               WHERE subject = ?1 AND epoch < ?2 AND sealed IS NOT NULL";
    let rows = former(work, sql, keys.subject, |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?, row.get::<_, Vec<u8>>(3)?))
    })?;
    for (filing, step, from, sealed) in &rows {
        let about = filings::about(FilingId::from_bytes(*filing), *step);
        let sealed = renewed(work, keys, (filings::NOTE, &about), (*from, sealed))?;
        let replace = || {
            let sql = "UPDATE filing_steps SET epoch = ?3, sealed = ?4 WHERE filing = ?1 AND step = ?2";
            work.around.vault.prepare_cached(sql)?.execute(params![filing, step, work.around.epoch, sealed])
        };
        work.try_run(replace())?;
    }
    Ok(rows.len())
}

/// Puts a document that was encrypted anew in the place of what it was. Its former file is left to whoever asks for this.
pub(crate) struct ReencryptDocument {
    pub(crate) record_type: RecordTypeName,
    /// The file that it is in until now.
    pub(crate) former: DocumentName,
    /// The same content under the epoch in use.
    pub(crate) staged: StagedDocument,
    /// Others that came before, whose former files are away: they need not be remembered any more.
    pub(crate) gone: Vec<DocumentName>,
}

/// A document that was not put in the place of what it was.
#[derive(Debug, Error)]
pub(crate) enum NotReencrypted {
    /// It is not what it was when it was read: erased, or encrypted anew by somebody else.
    #[error("the document was removed or encrypted anew meanwhile")]
    Moved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for ReencryptDocument {
    type Output = ();
    type Error = NotReencrypted;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), NotReencrypted> {
        let Self { record_type, former, staged, gone } = self;
        let (name, subject) = (staged.name(), staged.subject);
        let place = params![
            name.document.as_bytes(),
            name.version,
            subject.as_bytes(),
            former.epoch,
            name.epoch,
            staged.sealed_length,
            staged.sealed_sha256,
            staged.note
        ];
        let replace = || {
            let sql = "UPDATE documents SET epoch = ?5, sealed_length = ?6, sealed_sha256 = ?7, note = ?8
                       WHERE document = ?1 AND version = ?2 AND subject = ?3 AND epoch = ?4";
            work.around.vault.prepare_cached(sql)?.execute(place)
        };
        if name.epoch <= former.epoch || work.try_run(replace())? == 0 {
            return Err(NotReencrypted::Moved);
        }
        let remember = || {
            let sql = "INSERT OR IGNORE INTO removed_documents (document, version) VALUES (?1, ?2)";
            work.around.vault.prepare_cached(sql)?.execute(params![name.document.as_bytes(), name.version])
        };
        work.try_run(remember())?;
        let vault = work.around.vault;
        // Who was erased meanwhile, or is encrypted anew once more, has other files that are to go.
        let forget = |gone: &DocumentName| {
            let sql = "DELETE FROM removed_documents WHERE document = ?1 AND version = ?2 AND EXISTS
                       (SELECT 1 FROM documents WHERE document = ?1 AND version = ?2 AND epoch = ?3)";
            vault.prepare_cached(sql)?.execute(params![gone.document.as_bytes(), gone.version, name.epoch])
        };
        work.try_run(gone.iter().try_for_each(|gone| forget(gone).map(drop)))?;
        let sha256 = Some(hex(&staged.sealed_sha256));
        let document = Some(DocumentRef { id: name.document, version: name.version, sha256 });
        work.log(Draft { document, ..about(base, &record_type, subject, name.epoch) });
        work.effects.replaced.push(former);
        work.effects.staged.push(staged);
        Ok(())
    }
}

/// Puts reasons that were encrypted anew in the place of what they were. What the entries commit to stays the same.
pub(crate) struct ReencryptReasons {
    /// Each with the index of its entry.
    pub(crate) renewed: Vec<(u64, Vec<u8>)>,
}

impl Transaction for ReencryptReasons {
    type Output = ();
    type Error = Infallible;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), Infallible> {
        let (count, target) = (Some(self.renewed.len() as u64), Some(work.around.epoch.to_string()));
        work.effects.reasons = self.renewed;
        work.log(Draft { action: Action::Reencrypt, count, target, ..base });
        Ok(())
    }
}
