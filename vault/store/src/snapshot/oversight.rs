//! What oversight asks of the vault: the log's leaf hashes, where a period begins in it, all grants.

use coffre_core::audit::{Carried, DocumentRef, Entry, SealedValue};
use coffre_core::crypto::{hex, sha256};
use coffre_core::grant::Grant;
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::merkle::Hash;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{Snapshot, grant_of, grant_row};
use crate::error::ReadError;
use crate::{log_file, rights};

impl Snapshot<'_> {
    /// The index of the first entry of the log that was not pruned.
    pub fn minimum_index(&self) -> Result<u64, ReadError> {
        self.ask(|reader| log_file::minimum_index(&reader.audit))
    }

    /// Without what is about people who were erased.
    pub(crate) fn without_erased(&self, mut carried: Vec<Carried>) -> Result<Vec<Carried>, ReadError> {
        self.ask(|reader| {
            let mut kept = Vec::with_capacity(carried.len());
            for of in carried.drain(..) {
                if !rights::is_erased(&reader.vault, of.subject)? {
                    kept.push(of);
                }
            }
            Ok(kept)
        })
    }

    /// Those of some values that are stored with the hashes that an entry said.
    pub(crate) fn stored_as_said(
        &self,
        subject: SubjectId,
        values: Vec<SealedValue>,
    ) -> Result<Vec<SealedValue>, ReadError> {
        self.ask(|reader| {
            let sql = "SELECT sealed FROM record_values WHERE subject = ?1 AND category = ?2 AND version = ?3";
            let mut stored = reader.vault.prepare_cached(sql)?;
            let mut kept = Vec::new();
            for value in values {
                let place = params![subject.as_bytes(), value.category.as_str(), value.version];
                let sealed = stored.query_row(place, |row| row.get::<_, Vec<u8>>(0)).optional()?;
                if sealed.is_some_and(|sealed| hex(&sha256(&sealed)) == value.sha256) {
                    kept.push(value);
                }
            }
            Ok(kept)
        })
    }

    /// Whether a document is stored with the hash that an entry said.
    pub(crate) fn is_stored_as_said(&self, document: &DocumentRef) -> Result<bool, ReadError> {
        self.ask(|reader| {
            let sql = "SELECT sealed_sha256 FROM documents WHERE document = ?1 AND version = ?2";
            let mut stored = reader.vault.prepare_cached(sql)?;
            let place = params![document.id.as_bytes(), document.version];
            let found = stored.query_row(place, |row| row.get::<_, Vec<u8>>(0)).optional()?;
            Ok(found.is_some_and(|found| document.sha256.as_ref() == Some(&hex(&found))))
        })
    }

    /// Leaf hashes from an index on.
    pub fn leaf_hashes(&self, from: u64, limit: usize) -> Result<Vec<Hash>, ReadError> {
        self.ask(|reader| log_file::leaf_hashes(&reader.audit, from, limit))
    }

    /// The index of the first entry, of so many, that is not older than a moment: time never runs backwards in the log.
    pub fn first_entry_at(&self, time: Timestamp, size: u64) -> Result<u64, ReadError> {
        let (mut older, mut not_older) = (self.minimum_index()?, size);
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
