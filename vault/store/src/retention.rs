//! What the rules of retention make of records, without carrying anything out. As in `transactions::facts`, the rule
//! comes to the record: only what the rule gives leaves the store.

use coffre_core::ids::SubjectId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::Connection;

use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;
use crate::transactions::{Facts, KeptBy, MustKeep};
use crate::{filings, values};

/// What stands against removing anything of a record whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Obstacles {
    /// A legal hold.
    pub hold: bool,
    /// Its processing is restricted: it is stored, and nothing else is done to it (GDPR article 18(2)).
    pub restriction: bool,
    /// A request that waits for an answer.
    pub request: bool,
}

impl Obstacles {
    /// The one that is named, where there are several.
    pub const fn kept_by(self) -> Option<KeptBy> {
        match self {
            Self { hold: true, .. } => Some(KeptBy::Hold),
            Self { restriction: true, .. } => Some(KeptBy::Restriction),
            Self { request: true, .. } => Some(KeptBy::Request),
            _ => None,
        }
    }
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

    /// What stands against removing anything of a record.
    pub fn obstacles(&self, subject: SubjectId) -> Result<Obstacles, ReadError> {
        self.ask(|reader| Ok(obstacles(&reader.vault, subject)?))
    }
}

/// What stands against removing anything of a record.
pub(crate) fn obstacles(vault: &Connection, subject: SubjectId) -> rusqlite::Result<Obstacles> {
    let sql = "SELECT EXISTS (SELECT 1 FROM holds WHERE subject = ?1 AND lifted_at IS NULL),
                      EXISTS (SELECT 1 FROM records WHERE subject = ?1 AND restricted),
                      EXISTS (SELECT 1 FROM filings WHERE subject = ?1 AND state IN ('open', 'waiting'))";
    vault.prepare_cached(sql)?.query_row([subject.as_bytes()], |row| {
        Ok(Obstacles { hold: row.get(0)?, restriction: row.get(1)?, request: row.get(2)? })
    })
}
