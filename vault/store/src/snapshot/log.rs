//! The log, as far as it is read entry by entry, and who was read in it.

use coffre_core::audit::Entry;
use coffre_core::ids::SubjectId;
use coffre_core::tlog::StoredEntry;
use rusqlite::OptionalExtension as _;

use super::Snapshot;
use crate::error::ReadError;
use crate::model::LoggedEntry;
use crate::{index_file, log_file, reason};

impl Snapshot<'_> {
    /// Entries of the log from an index on.
    pub fn entries(&self, from: u64, limit: usize) -> Result<Vec<LoggedEntry>, ReadError> {
        self.ask(|reader| log_file::entries(&reader.audit, from, limit))
    }

    /// Entries with the leaf hashes stored beside them: what a verification goes through.
    pub fn hashed_entries(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry<Vec<u8>>>, ReadError> {
        self.ask(|reader| log_file::hashed(&reader.audit, from, limit))
    }

    /// The entries about a data subject, newest first, before an index.
    pub fn accesses(
        &self,
        subject: SubjectId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEntry>, ReadError> {
        let indexes = self.ask_index(|connection| {
            // Memory first: what leaves it meanwhile is in the file by then.
            let mut indexes = self.shared.recent.of(subject, before);
            indexes.extend(index_file::accesses(connection, subject, before, limit)?);
            indexes.sort_unstable_by(|a, b| b.cmp(a));
            indexes.dedup();
            indexes.truncate(limit);
            Ok(indexes)
        })?;
        self.ask(|reader| {
            let mut found = Vec::new();
            for index in indexes {
                found.extend(log_file::entry(&reader.audit, index)?);
            }
            Ok(found)
        })
    }

    /// The free-text reason given with an entry, if one was given and its subject is not erased.
    pub fn reason(&self, index: u64) -> Result<Option<String>, ReadError> {
        let (sealed, logged) = self.ask(|reader| {
            let mut statement = reader.audit.prepare_cached("SELECT sealed FROM annotations WHERE idx = ?1")?;
            let sealed: Option<Vec<u8>> = statement.query_row([index], |row| row.get(0)).optional()?;
            // Few entries have one.
            let logged = if sealed.is_some() { log_file::entry(&reader.audit, index)? } else { None };
            Ok((sealed, logged))
        })?;
        let entry = logged.and_then(|logged| Entry::from_leaf(&logged.leaf).ok());
        let (Some(sealed), Some(entry)) = (sealed, entry) else { return Ok(None) };
        let (epoch, subject, bytes) = reason::split(&sealed)?;
        let Some(kind) = entry.what.record_type else { return Err(ReadError::Format { what: "reason" }) };
        self.with_keys(&kind, subject, None, |_, keys| {
            let plain = keys.open_note(reason::NOTE, entry.what.request.as_bytes(), epoch, bytes);
            let plain = plain.map_err(|source| ReadError::Value { subject, source })?;
            let text = plain.get(32..).unwrap_or_default().to_vec();
            String::from_utf8(text).map(Some).map_err(|_| ReadError::Format { what: "reason" })
        })
    }
}
