//! `index.db`: blind search terms and the access history per data subject. Derived: it can be lost
//! without loss, is caught up at start, and is committed without fsync.

use std::collections::BTreeSet;

use coffre_core::audit::Entry;
use coffre_core::crypto::{self, Scope};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::Keyset;
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::search::{SearchIndex, Term};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::error::ReadError;
use crate::model::{Hit, HitKind};

/// The blind tag of a term.
pub(crate) fn tag(scope: &Scope, keys: &Keyset, index: &SearchIndex, term: &Term) -> [u8; 16] {
    crypto::blind_index(&keys.index, &index.label(scope, term))
}

/// The tags under which a record is found.
pub(crate) fn tags(
    scope: &Scope,
    keys: &Keyset,
    indexes: &[SearchIndex],
    kind: &RecordTypeName,
    fields: &Fields,
) -> BTreeSet<[u8; 16]> {
    let mut found = BTreeSet::new();
    for index in indexes.iter().filter(|index| &index.record_type == kind) {
        let items = fields.0.get(&index.field).map(texts).unwrap_or_default();
        for text in items {
            found.extend(index.terms(text).iter().map(|term| tag(scope, keys, index, term)));
        }
    }
    found
}

/// The texts of a value: a list is found by any of its items.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    }
}

/// What a commit changes in the index.
#[derive(Default)]
pub(crate) struct Update {
    /// Records and their tags now; none for an erased record.
    pub(crate) records: Vec<(SubjectId, BTreeSet<[u8; 16]>)>,
    /// Entries and the subjects they are about.
    pub(crate) accesses: Vec<(u64, Vec<SubjectId>)>,
    /// The newest change of a record that is in.
    pub(crate) change: u64,
    /// How many entries of the log are in.
    pub(crate) entries: u64,
}

/// Applies an update.
pub(crate) fn apply(index: &Connection, update: &Update) -> rusqlite::Result<()> {
    index.execute_batch("BEGIN IMMEDIATE")?;
    let applied = write(index, update);
    let ended = index.execute_batch(if applied.is_ok() { "COMMIT" } else { "ROLLBACK" });
    applied.and(ended)
}

fn write(index: &Connection, update: &Update) -> rusqlite::Result<()> {
    let mut forget = index.prepare_cached("DELETE FROM terms WHERE subject = ?1")?;
    let mut add = index.prepare_cached("INSERT OR IGNORE INTO terms (tag, subject) VALUES (?1, ?2)")?;
    for (subject, tags) in &update.records {
        forget.execute([subject.as_bytes()])?;
        for tag in tags {
            add.execute(params![tag, subject.as_bytes()])?;
        }
    }
    let mut access = index.prepare_cached("INSERT OR IGNORE INTO accesses (subject, idx) VALUES (?1, ?2)")?;
    for (entry, subjects) in &update.accesses {
        for subject in subjects {
            access.execute(params![subject.as_bytes(), entry])?;
        }
    }
    index
        .prepare_cached("UPDATE progress SET change = max(change, ?1), entries = max(entries, ?2)")?
        .execute(params![update.change, update.entries])?;
    Ok(())
}

/// How far the index is: the newest change and the number of entries it holds.
pub(crate) fn progress(index: &Connection) -> rusqlite::Result<(u64, u64)> {
    index.query_row("SELECT change, entries FROM progress", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The subjects that a leaf is about.
pub(crate) fn subjects_of(leaf: &[u8]) -> Vec<SubjectId> {
    Entry::from_leaf(leaf).map(|entry| entry.what.subjects).unwrap_or_default()
}

/// The records a value finds, written like it first.
pub(crate) fn find(
    connection: &Connection,
    scope: &Scope,
    keys: &Keyset,
    index: &SearchIndex,
    value: &str,
    limit: usize,
) -> Result<Vec<Hit>, ReadError> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut statement =
        connection.prepare_cached("SELECT subject FROM terms WHERE tag = ?1 ORDER BY subject LIMIT ?2")?;
    for term in index.terms(value) {
        let kind = match term {
            Term::Written(_) => HitKind::Written,
            Term::Sound(_) => HitKind::Sound,
        };
        let tag = tag(scope, keys, index, &term);
        let rows = statement.query_map(params![tag, limit], |row| row.get::<_, [u8; 16]>(0))?;
        for subject in rows {
            let subject = SubjectId::from_bytes(subject?);
            if hits.len() < limit && hits.iter().all(|hit| hit.subject != subject) {
                hits.push(Hit { subject, kind });
            }
        }
    }
    Ok(hits)
}

/// The indexes of the entries about a subject, newest first, before one.
pub(crate) fn accesses(
    index: &Connection,
    subject: SubjectId,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let before = before.and_then(|index| i64::try_from(index).ok()).unwrap_or(i64::MAX);
    let mut statement =
        index.prepare_cached("SELECT idx FROM accesses WHERE subject = ?1 AND idx < ?2 ORDER BY idx DESC LIMIT ?3")?;
    let rows = statement.query_map(params![subject.as_bytes(), before, limit], |row| row.get(0))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_indexed_by_its_items() {
        assert_eq!(texts(&json!(["C1", 7, "C2"])), ["C1", "C2"]);
        assert_eq!(texts(&json!("C1")), ["C1"]);
        assert_eq!(texts(&json!(true)), Vec::<&str>::new());
    }
}
