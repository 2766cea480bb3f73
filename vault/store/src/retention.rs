//! What the rules of retention make of records, without carrying anything out. As in `transactions::facts`, the rule
//! comes to the record: only what the rule gives leaves the store.

use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::RecordTypeName;
use rusqlite::OptionalExtension;

use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;
use crate::transactions::{Facts, MustKeep};
use crate::values;

/// What stands against removing anything of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Obstacles {
    /// A legal hold.
    pub hold: bool,
    /// A request that waits for an answer.
    pub request: bool,
}

impl Snapshot<'_> {
    /// What a rule makes of a record; nothing of one that is not there.
    pub fn judged<K>(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        now: coffre_core::time::Timestamp,
        rule: &MustKeep<K>,
    ) -> Result<Vec<K>, ReadError> {
        let Some(state) = self.record(kind, subject)? else { return Ok(Vec::new()) };
        let read = |reader: &Reader, keys: &SubjectKeys<'_>| {
            let fields = values::all_at(&reader.vault, keys, state.version)?;
            Ok(rule(&Facts { created: state.created_at, changed: state.updated_at, fields: &fields, now }))
        };
        self.with_keys(kind, subject, Vec::new(), read)
    }

    /// What stands against removing anything of a record.
    pub fn obstacles(&self, subject: SubjectId) -> Result<Obstacles, ReadError> {
        let is_there = |sql: &str| {
            self.ask(|reader| {
                let found = reader.vault.prepare_cached(sql)?.query_row([subject.as_bytes()], |_| Ok(())).optional()?;
                Ok(found.is_some())
            })
        };
        Ok(Obstacles {
            hold: is_there("SELECT 1 FROM holds WHERE subject = ?1 AND lifted_at IS NULL LIMIT 1")?,
            request: is_there("SELECT 1 FROM filings WHERE subject = ?1 AND state IN ('open', 'waiting') LIMIT 1")?,
        })
    }
}
