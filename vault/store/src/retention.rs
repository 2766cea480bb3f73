//! What the rules of retention make of records, without carrying anything out. As in `transactions::facts`, the rule
//! comes to the record: only what the rule gives leaves the store.

use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::OptionalExtension;

use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;
use crate::transactions::{Facts, MustKeep};
use crate::{filings, values};

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
        now: Timestamp,
        rule: &MustKeep<K>,
    ) -> Result<Vec<K>, ReadError> {
        let Some(state) = self.record(kind, subject)? else { return Ok(Vec::new()) };
        let read = |reader: &Reader, keys: &SubjectKeys<'_>| {
            let fields = values::all_at(&reader.vault, keys, state.version)?;
            let (created, changed) = (state.created_at, state.updated_at);
            let answered = filings::answered(&reader.vault, subject)?.or_changed(changed);
            Ok(rule(&Facts { created, changed, answered, fields: &fields, now }))
        };
        self.with_keys(kind, subject, Vec::new(), read)
    }

    /// When the last of the requests about a record was answered, or when it was last changed where there is none; nothing while
    /// one waits.
    pub fn answered(&self, subject: SubjectId, changed: Timestamp) -> Result<Option<Timestamp>, ReadError> {
        Ok(self.ask(|reader| filings::answered(&reader.vault, subject))?.or_changed(changed))
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
