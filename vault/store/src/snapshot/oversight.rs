//! What oversight asks of the vault: the log's leaf hashes, where a period begins in it, all grants.

use coffre_core::audit::Entry;
use coffre_core::grant::Grant;
use coffre_core::ids::GrantId;
use coffre_core::merkle::Hash;
use coffre_core::time::Timestamp;
use rusqlite::params;

use super::{Snapshot, grant_of, grant_row};
use crate::error::ReadError;
use crate::log_file;

impl Snapshot<'_> {
    /// Leaf hashes from an index on.
    pub fn leaf_hashes(&self, from: u64, limit: usize) -> Result<Vec<Hash>, ReadError> {
        self.ask(|reader| log_file::leaf_hashes(&reader.audit, from, limit))
    }

    /// The index of the first entry, of so many, that is not older than a moment: time never runs backwards in the log.
    pub fn first_entry_at(&self, time: Timestamp, size: u64) -> Result<u64, ReadError> {
        let (mut older, mut not_older) = (0, size);
        while older < not_older {
            let middle = older + (not_older - older) / 2;
            let logged = self.ask(|reader| log_file::entry(&reader.audit, middle))?;
            let entry = logged.and_then(|logged| Entry::from_leaf(&logged.leaf).ok());
            let entry = entry.ok_or(ReadError::Format { what: "log entry" })?;
            if entry.time < time {
                older = middle + 1;
            } else {
                not_older = middle;
            }
        }
        Ok(older)
    }

    /// Grants of all records, whatever their state, in order of identifier, after one.
    pub fn all_grants(&self, after: Option<GrantId>, limit: usize) -> Result<Vec<Grant>, ReadError> {
        let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(
                "SELECT id, subject, version, terms, withdrawn_at FROM grants WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let rows = statement.query_map(params![after, limit], grant_row)?;
            rows.map(|row| grant_of(row?)).collect()
        })
    }
}
