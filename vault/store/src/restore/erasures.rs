//! Erasures that were made after the restored point: the keyring, whose newest state is restored, has a tombstone
//! where the older `vault.db` still has the record. They are gone through with, so that a restore brings nobody
//! back. A key that is missing without a tombstone is damage, and no erasure.

use std::collections::BTreeSet;

use coffre_core::ids::SubjectId;
use coffre_core::note::VerificationKey;
use coffre_core::tombstone::Tombstone;
use rusqlite::Connection;

use super::RestoreError;
use crate::document::DocumentFolder;
use crate::layout::Database;
use crate::rights::is_erased;
use crate::schema;
use crate::transactions::remove_rows;
use crate::writer::removed_documents;

/// The erasures that the keyring knows of and `vault.db` does not.
pub(super) struct Missed(Vec<Tombstone>);

impl Missed {
    pub(super) fn find(vault: &Connection, keyring: &Connection, key: &VerificationKey) -> Result<Self, RestoreError> {
        let failed = |database: Database| move |source| RestoreError::Database { file: database.file_name(), source };
        let keyring_failed = failed(Database::Keyring);
        let sql =
            "SELECT subject, record_type, tombstone FROM subject_keys WHERE tombstone IS NOT NULL ORDER BY subject";
        let mut statement = keyring.prepare(sql).map_err(keyring_failed)?;
        let rows = statement
            .query_map([], |row| {
                Ok((SubjectId::from_bytes(row.get(0)?), row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })
            .map_err(keyring_failed)?;
        let mut missed = Vec::new();
        for row in rows {
            let (subject, kind, note) = row.map_err(keyring_failed)?;
            if is_erased(vault, subject).map_err(failed(Database::Vault))? {
                continue;
            }
            let wrong = |source| RestoreError::Tombstone { subject, source };
            let tombstone = Tombstone::open(&note, key).map_err(|error| wrong(Some(error)))?;
            if tombstone.subject != subject || tombstone.record_type.as_str() != kind {
                return Err(wrong(None));
            }
            missed.push(tombstone);
        }
        Ok(Self(missed))
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Tombstone> {
        self.0.iter()
    }

    pub(super) fn subjects(&self) -> BTreeSet<SubjectId> {
        self.iter().map(|tombstone| tombstone.subject).collect()
    }

    /// Removes the rows of the erased and remembers them, within the caller's transaction. A vault of an earlier version lacks
    /// tables that they may have rows in.
    pub(super) fn remove(&self, vault: &Connection) -> rusqlite::Result<()> {
        schema::bring_up_to_date(vault)?;
        self.iter().try_for_each(|tombstone| remove_rows(vault, tombstone).map(drop))
    }
}

/// Removes the files of documents whose rows are gone, up to the newest epoch that there is a key for. What a crash leaves of it is done when the vault is
/// opened.
pub(super) fn remove_files(vault: &Connection, folder: &DocumentFolder, newest: u32) -> Result<(), RestoreError> {
    let failed = |source| RestoreError::Database { file: Database::Vault.file_name(), source };
    folder.remove_all(&removed_documents(vault, newest).map_err(failed)?).map_err(RestoreError::Write)?;
    vault.execute("DELETE FROM removed_documents", []).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::time::Timestamp;

    use super::*;

    #[test]
    fn erasures_are_gone_through_with_in_a_vault_of_an_earlier_version() {
        let older = Connection::open_in_memory().unwrap();
        older.execute_batch(schema::VAULT).unwrap();
        older.execute_batch("DROP TABLE objections; ALTER TABLE records DROP COLUMN sources").unwrap();
        let subject = SubjectId::from_bytes([1; 16]);
        let record_type = "policyholder".parse().unwrap();
        let tombstone = Tombstone { record_type, subject, erased_at: Timestamp::from_micros(1), terms: Vec::new() };
        Missed(vec![tombstone]).remove(&older).unwrap();
        assert!(is_erased(&older, subject).unwrap());
    }
}
