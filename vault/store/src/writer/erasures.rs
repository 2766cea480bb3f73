//! Going through with erasures. An erasure is committed with its entry first; then the key is destroyed
//! and the files are removed, before it is answered. What a failure or a crash left of that is done
//! when the files are opened.

use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::note::SigningKey;
use coffre_core::spool::DocumentName;
use coffre_core::time::Timestamp;
use coffre_core::tombstone::Tombstone;
use rusqlite::Connection;

use super::Shared;
use super::files::Files;
use super::recover::RecoverError;
use crate::error::ReadError;
use crate::keyring;

/// Destroys keys: durable when it returns.
pub(super) fn destroy_keys(files: &Files, signer: &SigningKey, erased: &[Tombstone]) -> Result<(), ReadError> {
    if erased.is_empty() {
        return Ok(());
    }
    files.keyring.execute_batch("BEGIN IMMEDIATE")?;
    for subject in erased {
        let note = subject.sign(signer).map_err(|_| ReadError::Format { what: "tombstone" })?;
        keyring::bury(&files.keyring, subject.subject, &note)?;
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
    let removed = removed_documents(&files.vault, shared.keys().epochs.newest())?;
    if !removed.is_empty() {
        shared.folder.remove_all(&removed).map_err(RecoverError::Documents)?;
        files.vault.execute("DELETE FROM removed_documents", [])?;
    }
    Ok(())
}

fn all(vault: &Connection) -> Result<Vec<Tombstone>, ReadError> {
    let mut statement = vault.prepare("SELECT record_type, subject, erased_at, terms FROM tombstones")?;
    let rows = statement.query_map([], |row| {
        let (subject, erased_at) = (SubjectId::from_bytes(row.get(1)?), Timestamp::from_micros(row.get(2)?));
        Ok((row.get::<_, String>(0)?, subject, erased_at, row.get::<_, Vec<u8>>(3)?))
    })?;
    let erased = rows.map(|row| {
        let (kind, subject, erased_at, terms) = row?;
        let record_type = kind.parse().map_err(|_| ReadError::Format { what: "record type" })?;
        let (terms, rest) = terms.as_chunks();
        if !rest.is_empty() {
            return Err(ReadError::Format { what: "tombstone" });
        }
        Ok(Tombstone { record_type, subject, erased_at, terms: terms.to_vec() })
    });
    erased.collect()
}

/// The newest of the files that may still be there of documents whose rows went, or that are encrypted anew: they go, and those
/// of former epochs with them.
pub(crate) fn removed_documents(vault: &Connection, newest: u32) -> rusqlite::Result<Vec<DocumentName>> {
    let mut statement = vault.prepare(
        "SELECT r.document, r.version, coalesce(d.epoch - 1, ?1) FROM removed_documents AS r
         LEFT JOIN documents AS d ON d.document = r.document AND d.version = r.version",
    )?;
    let rows = statement.query_map([newest], |row| {
        Ok(DocumentName { document: DocumentId::from_bytes(row.get(0)?), version: row.get(1)?, epoch: row.get(2)? })
    })?;
    rows.collect()
}
