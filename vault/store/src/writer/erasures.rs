//! Going through with erasures. An erasure is committed with its entry first; then the key is destroyed
//! and the files are removed, before it is answered. What a failure or a crash left of that is done
//! when the files are opened.

use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::note::{SignedNote, SigningKey};
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::Connection;

use super::Shared;
use super::files::Files;
use super::recover::RecoverError;
use crate::error::ReadError;
use crate::keyring;

/// A data subject whose erasure is committed.
pub(crate) struct Erased {
    pub(crate) record_type: RecordTypeName,
    pub(crate) subject: SubjectId,
    pub(crate) at: Timestamp,
}

impl Erased {
    /// What stays in the place of the key: the fact, signed.
    fn tombstone(&self, signer: &SigningKey) -> Result<String, ReadError> {
        let text = format!("coffre tombstone v1\n{}\n{}\n{}\n", self.record_type, self.subject, self.at);
        let note = SignedNote::sign(text, signer).map_err(|_| ReadError::Format { what: "tombstone" })?;
        Ok(note.to_string())
    }
}

/// Destroys keys: durable when it returns.
pub(super) fn destroy_keys(files: &Files, signer: &SigningKey, erased: &[Erased]) -> Result<(), ReadError> {
    if erased.is_empty() {
        return Ok(());
    }
    files.keyring.execute_batch("BEGIN IMMEDIATE")?;
    for subject in erased {
        keyring::bury(&files.keyring, subject.subject, &subject.tombstone(signer)?)?;
    }
    Ok(files.keyring.execute_batch("COMMIT")?)
}

/// Does what is left to do of committed erasures.
pub(super) fn finish(shared: &Shared, files: &Files) -> Result<(), RecoverError> {
    let mut left = Vec::new();
    for erased in all(&files.vault)? {
        if keyring::is_there(&files.keyring, erased.subject)? {
            left.push(erased);
        }
    }
    destroy_keys(files, &shared.signer, &left)?;
    let removed = removed_documents(&files.vault)?;
    for (document, version) in &removed {
        shared.folder.remove(*document, *version).map_err(RecoverError::Documents)?;
    }
    if !removed.is_empty() {
        files.vault.execute("DELETE FROM removed_documents", [])?;
    }
    Ok(())
}

fn all(vault: &Connection) -> Result<Vec<Erased>, ReadError> {
    let mut statement = vault.prepare("SELECT record_type, subject, erased_at FROM tombstones")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, SubjectId::from_bytes(row.get(1)?), Timestamp::from_micros(row.get(2)?)))
    })?;
    let erased = rows.map(|row| {
        let (kind, subject, at) = row?;
        let record_type = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
        Ok(Erased { record_type, subject, at })
    });
    erased.collect()
}

fn removed_documents(vault: &Connection) -> rusqlite::Result<Vec<(DocumentId, u32)>> {
    let mut statement = vault.prepare("SELECT document, version FROM removed_documents")?;
    let rows = statement.query_map([], |row| Ok((DocumentId::from_bytes(row.get(0)?), row.get(1)?)))?;
    rows.collect()
}
