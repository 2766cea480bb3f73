//! Going through with erasures. An erasure is committed with its entry first; then the key is destroyed
//! and the files are removed, before it is answered. What a failure or a crash left of that is done
//! when the files are opened.

use std::sync::PoisonError;

use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::note::SigningKey;
use coffre_core::spool::DocumentName;
use coffre_core::time::Timestamp;
use coffre_core::tombstone::Tombstone;
use rusqlite::{Connection, Row};

use super::Shared;
use super::files::Files;
use super::recover::RecoverError;
use crate::error::ReadError;
use crate::{keyring, schema};

/// Destroys the keys of those who were erased now, and of all before: durable when it returns.
pub(super) fn destroy_keys(files: &Files, signer: &SigningKey, erased: &[Tombstone]) -> Result<(), ReadError> {
    let newest = erased.iter().map(|subject| subject.erased_at).max();
    newest.map_or(Ok(()), |newest| bury(files, signer, erased, newest))
}

/// In one commit with how far it is done, so that a keyring never says of more than it has.
fn bury(files: &Files, signer: &SigningKey, erased: &[Tombstone], newest: Timestamp) -> Result<(), ReadError> {
    files.destroys_keys();
    files.keyring.execute_batch("BEGIN IMMEDIATE")?;
    for subject in erased {
        let note = subject.sign(signer).map_err(|_| ReadError::Format { what: "tombstone" })?;
        keyring::bury(&files.keyring, subject.subject, &note)?;
    }
    keyring::note_buried(&files.keyring, newest)?;
    Ok(files.keyring.execute_batch("COMMIT")?)
}

/// Does what is left to do of committed erasures; `now` is the newest entry's time.
pub(super) fn finish(shared: &Shared, files: &Files, now: Timestamp) -> Result<(), RecoverError> {
    files.keyring.execute_batch(schema::KEYRING_LATER)?;
    let known = keyring::buried_until(&files.keyring)?;
    let (left, newest) = left(files, known.filter(|known| *known <= now))?;
    if let Some(newest) = newest.filter(|newest| !left.is_empty() || known != Some(*newest)) {
        bury(files, &shared.signer, &left, newest)?;
    }
    let removed = removed_documents(&files.vault, shared.keys().epochs.newest())?;
    if !removed.is_empty() {
        // Every view has ended that saw the row of a file that is encrypted anew since.
        drop(shared.gate.write().unwrap_or_else(PoisonError::into_inner));
        shared.folder.remove_all(&removed).map_err(RecoverError::Documents)?;
        files.vault.execute("DELETE FROM removed_documents", [])?;
    }
    Ok(())
}

/// Who was erased since a time: the tombstones stay for good, and a start does not go through all of them.
const ERASED_SINCE: &str = "SELECT record_type, subject, erased_at, terms FROM tombstones WHERE erased_at >= ?1";

/// Who is erased and still has a key, and when the last was erased who was looked at. A keyring that lost what was committed to it
/// has lost with it that it was, so those before the time that it knows need no look; all are looked at where it knows none, or one
/// that the log has not come to (files of different times). One at a time, since they are ever more.
fn left(files: &Files, known: Option<Timestamp>) -> Result<(Vec<Tombstone>, Option<Timestamp>), ReadError> {
    let mut statement = files.vault.prepare(ERASED_SINCE)?;
    let mut rows = statement.query([known.map_or(i64::MIN, Timestamp::as_micros)])?;
    let (mut left, mut newest): (Vec<_>, Option<Timestamp>) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        newest = newest.max(Some(Timestamp::from_micros(row.get(2)?)));
        if keyring::is_there(&files.keyring, SubjectId::from_bytes(row.get(1)?))? {
            left.push(tombstone(row)?);
        }
    }
    Ok((left, newest))
}

fn tombstone(row: &Row<'_>) -> Result<Tombstone, ReadError> {
    let (kind, terms): (String, Vec<u8>) = (row.get(0)?, row.get(3)?);
    let (terms, rest) = terms.as_chunks();
    if !rest.is_empty() {
        return Err(ReadError::Format { what: "tombstone" });
    }
    Ok(Tombstone {
        record_type: kind.parse().map_err(|_| ReadError::Format { what: "record type" })?,
        subject: SubjectId::from_bytes(row.get(1)?),
        erased_at: Timestamp::from_micros(row.get(2)?),
        terms: terms.to_vec(),
    })
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_start_looks_at_those_alone_who_were_erased_since() {
        let [vault, older] = [(), ()].map(|()| Connection::open_in_memory().unwrap());
        vault.execute_batch(schema::VAULT).unwrap();
        older.execute_batch(schema::VAULT).unwrap();
        older.execute_batch("DROP INDEX tombstones_by_time").unwrap();
        older.execute_batch(schema::LATER).unwrap();
        for vault in [vault, older] {
            let mut plan = vault.prepare(&format!("EXPLAIN QUERY PLAN {ERASED_SINCE}")).unwrap();
            let step: String = plan.raw_query().next().unwrap().unwrap().get(3).unwrap();
            assert!(step.starts_with("SEARCH") && step.contains("tombstones_by_time"), "{step}");
        }
    }
}
