//! `index.db`: blind search terms and the access history per data subject. Derived: it can be lost
//! without loss, is caught up at start, and is committed without fsync.

use std::collections::BTreeSet;

use coffre_core::audit::Entry;
use coffre_core::crypto::{self, Scope};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::Keyset;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::search::{SearchIndex, Term};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::error::ReadError;
use crate::history::Part;
use crate::model::{Hit, HitKind};
use crate::terms::{Tag, TaggedRecord, Terms, Written};

/// The blind tag of a term.
pub(crate) fn tag(scope: &Scope, keys: &Keyset, index: &SearchIndex, term: &Term) -> Tag {
    crypto::blind_index(&keys.index, &index.label(scope, term))
}

/// The tags under which a record is found.
pub(crate) fn tags(
    scope: &Scope,
    keys: &Keyset,
    indexes: &[SearchIndex],
    kind: &RecordTypeName,
    fields: &Fields,
) -> BTreeSet<Tag> {
    let mut found = BTreeSet::new();
    for index in indexes.iter().filter(|index| &index.record_type == kind) {
        let items = fields.0.get(&index.field).map(texts).unwrap_or_default();
        for text in items {
            found.extend(index.terms(text).iter().map(|term| tag(scope, keys, index, term)));
        }
    }
    found
}

/// The tags under which a record is found once these fields changed; `None` if it is found by none of them. Where it is known what it was found
/// under, only they are looked at: the values need be no others.
pub(crate) fn tags_after(
    scope: &Scope,
    keys: &Keyset,
    indexes: &[SearchIndex],
    kind: &RecordTypeName,
    (before, after): (&Fields, &Fields),
    changed: &[FieldPath],
    known: Option<&[Tag]>,
) -> Option<BTreeSet<Tag>> {
    let is_changed = |index: &&SearchIndex| index.record_type == *kind && changed.contains(&index.field);
    let of_changed: Vec<SearchIndex> = indexes.iter().filter(is_changed).cloned().collect();
    if of_changed.is_empty() {
        return None;
    }
    let Some(known) = known else { return Some(tags(scope, keys, indexes, kind, after)) };
    // The field is part of what a tag is made of: no other one has it.
    let gone = tags(scope, keys, &of_changed, kind, before);
    let mut found: BTreeSet<Tag> = known.iter().filter(|tag| !gone.contains(*tag)).copied().collect();
    found.append(&mut tags(scope, keys, &of_changed, kind, after));
    Some(found)
}

/// The texts of a value: a list is found by any of its items.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    }
}

/// Accesses are kept in spans of so many entries, each in order of the subjects: what is written at a time is near
/// together, however long the log is. A history is looked up once in each span.
const SPAN: u64 = 65_536;

/// What a commit changes in the index.
#[derive(Default)]
pub(crate) struct Update<'u> {
    pub(crate) records: &'u [TaggedRecord],
    /// Accesses to write, best in order of the subjects.
    pub(crate) accesses: Part,
    /// How many entries the log has: what they changed of records is in.
    pub(crate) entries: u64,
    /// How far going through all records has come with this.
    pub(crate) through: Option<Through>,
}

/// How far going through all records has come, in order of the data subjects.
pub(crate) enum Through {
    /// All up to this one.
    UpTo(SubjectId),
    /// All of them.
    All,
}

/// Applies an update.
pub(crate) fn apply(index: &Connection, terms: &Terms, update: &Update<'_>) -> rusqlite::Result<()> {
    commit(index, terms, || write(index, terms, update))
}

/// Brings so many rows of terms to their places that were gathered.
pub(crate) fn sort_terms(index: &Connection, terms: &Terms, rows: usize) -> rusqlite::Result<()> {
    commit(index, terms, || terms.sort_rest(index, rows))
}

fn commit(
    index: &Connection,
    terms: &Terms,
    write: impl FnOnce() -> rusqlite::Result<Written>,
) -> rusqlite::Result<()> {
    let run = |sql| index.prepare_cached(sql)?.execute([]).map(drop);
    run("BEGIN IMMEDIATE")?;
    match write() {
        Ok(written) => {
            run("COMMIT")?;
            terms.written(written);
            Ok(())
        }
        Err(error) => {
            let _first = run("ROLLBACK");
            Err(error)
        }
    }
}

fn write(index: &Connection, terms: &Terms, update: &Update<'_>) -> rusqlite::Result<Written> {
    let written = terms.write(index, update.records)?;
    let mut access = index.prepare_cached("INSERT OR IGNORE INTO accesses (span, subject, idx) VALUES (?1, ?2, ?3)")?;
    for (subject, entry) in &update.accesses.rows {
        access.execute(params![entry / SPAN, subject.as_bytes(), entry])?;
    }
    index
        .prepare_cached("UPDATE progress SET entries = max(entries, ?1), accesses = max(accesses, ?2)")?
        .execute(params![update.entries, update.accesses.until.unwrap_or(0)])?;
    let through = match &update.through {
        None => return Ok(written),
        Some(Through::UpTo(subject)) => Some(subject.as_bytes()),
        Some(Through::All) => None,
    };
    index.prepare_cached("UPDATE progress SET records = ?1")?.execute([through])?;
    Ok(written)
}

/// How far the index is.
pub(crate) struct Progress {
    /// How many entries the log had at the last commit: what they changed of records is in, or will be when all were gone through.
    pub(crate) entries: u64,
    /// How many of them are in the access history.
    pub(crate) accesses: u64,
    /// Where all records are to be gone through: the last that was, or nothing before the first.
    pub(crate) records: Option<Vec<u8>>,
}

/// How far the index is.
pub(crate) fn progress(index: &Connection) -> rusqlite::Result<Progress> {
    index.query_row("SELECT entries, accesses, records FROM progress", [], |row| {
        Ok(Progress { entries: row.get(0)?, accesses: row.get(1)?, records: row.get(2)? })
    })
}

/// The subjects that a leaf is about.
pub(crate) fn subjects_of(leaf: &[u8]) -> Vec<SubjectId> {
    Entry::from_leaf(leaf).map(|entry| entry.what.subjects).unwrap_or_default()
}

/// The records a value finds, written like it first.
pub(crate) fn find(
    connection: &Connection,
    terms: &Terms,
    tag: impl Fn(&Term) -> Tag,
    wanted: &[Term],
    limit: usize,
) -> Result<Vec<Hit>, ReadError> {
    let mut hits: Vec<Hit> = Vec::new();
    for term in wanted {
        let kind = match term {
            Term::Written(_) => HitKind::Written,
            Term::Sound(_) => HitKind::Sound,
        };
        for subject in terms.find(connection, tag(term), limit)? {
            if hits.len() < limit && hits.iter().all(|hit| hit.subject != subject) {
                hits.push(Hit { subject, kind });
            }
        }
    }
    Ok(hits)
}

/// Forgets who the entries before one were about, as far as whole spans go.
pub(crate) fn forget_accesses(index: &Connection, before: u64) -> rusqlite::Result<()> {
    index.prepare_cached("DELETE FROM accesses WHERE span < ?1")?.execute([before / SPAN]).map(drop)
}

/// The indexes of the entries about a subject, newest first, before one.
pub(crate) fn accesses(
    index: &Connection,
    subject: SubjectId,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let end = progress(index)?.entries;
    let before = before.map_or(end, |before| before.min(end));
    let mut statement = index.prepare_cached(
        "SELECT idx FROM accesses WHERE span = ?1 AND subject = ?2 AND idx < ?3 ORDER BY idx DESC LIMIT ?4",
    )?;
    let mut found = Vec::new();
    for span in (0..before.div_ceil(SPAN)).rev() {
        let rows =
            statement.query_map(params![span, subject.as_bytes(), before, limit - found.len()], |row| row.get(0))?;
        for entry in rows {
            found.push(entry?);
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use coffre_core::ids::VaultId;
    use coffre_core::search::SearchKind;
    use serde_json::json;

    use crate::clock::SystemEntropy;

    #[test]
    fn tags_after_a_change_are_those_of_all_values() {
        let (keys, kind): (_, RecordTypeName) = (Keyset::random(&mut SystemEntropy), "client".parse().unwrap());
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::random(&mut SystemEntropy) };
        let field = |name: &str| name.parse::<FieldPath>().unwrap();
        let index = |record_type: &RecordTypeName, name: &str, kind| SearchIndex {
            record_type: record_type.clone(),
            field: field(name),
            kind,
        };
        let other: RecordTypeName = "merchant".parse().unwrap();
        let indexes = [
            index(&kind, "contact.email", SearchKind::Exact),
            index(&kind, "identity.name", SearchKind::Name),
            index(&kind, "identity.name", SearchKind::Exact),
            index(&kind, "contract.numbers", SearchKind::Exact),
            index(&other, "contact.phone", SearchKind::Phone),
        ];
        let of = |email: &str, name: &str, numbers: &[&str], phone: &str| {
            let values = [
                ("contact.email", json!(email)),
                ("identity.name", json!(name)),
                ("contract.numbers", json!(numbers)),
                ("contact.phone", json!(phone)),
            ];
            Fields(values.into_iter().map(|(name, value)| (field(name), value)).collect())
        };
        let before = of("a@example.fr", "Lefèvre", &["C1", "C2"], "0639981234");
        let known: Vec<Tag> = tags(&scope, &keys, &indexes, &kind, &before).into_iter().collect();
        let cases = [
            (of("b@example.fr", "Lefèvre", &["C1", "C2"], "0639981234"), vec!["contact.email"]),
            // Another name that sounds the same, and what was one field's is another's.
            (of("Lefevre", "a@example.fr", &["C1", "C2"], "0639981234"), vec!["contact.email", "identity.name"]),
            (
                of("a@example.fr", "Lefebvre", &["C2", "C3"], "1"),
                vec!["contract.numbers", "identity.name", "contact.phone"],
            ),
            (of("a@example.fr", "", &[], "0639981234"), vec!["identity.name", "contract.numbers"]),
            (of("a@example.fr", "Lefèvre", &["C1", "C2"], "1"), vec!["contact.phone"]),
        ];
        for (after, changed) in cases {
            let changed: Vec<FieldPath> = changed.into_iter().map(field).collect();
            let all = tags(&scope, &keys, &indexes, &kind, &after);
            let expected = (changed != [field("contact.phone")]).then_some(all);
            let told = |before: &Fields, after: &Fields, known| {
                tags_after(&scope, &keys, &indexes, &kind, (before, after), &changed, known)
            };
            assert_eq!(told(&before, &after, None), expected, "{changed:?}");
            let alone = |fields: &Fields| {
                Fields(fields.0.clone().into_iter().filter(|(field, _)| changed.contains(field)).collect())
            };
            assert_eq!(told(&alone(&before), &alone(&after), Some(&known)), expected, "{changed:?}, by what is known");
        }
    }

    #[test]
    fn a_history_goes_through_every_span() {
        let index = Connection::open_in_memory().unwrap();
        index.execute_batch(crate::schema::INDEX).unwrap();
        let [one, other] = [[1; 16], [2; 16]].map(SubjectId::from_bytes);
        let entries = [0, 7, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN - 1, 3 * SPAN, 5 * SPAN + 9];
        let rows = entries.iter().flat_map(|entry| [(one, *entry), (other, entry + 20)]).collect();
        let update = Update { accesses: Part { rows, until: None }, entries: 6 * SPAN, ..Update::default() };
        apply(&index, &Terms::default(), &update).unwrap();
        let newest_first: Vec<u64> = entries.iter().rev().copied().collect();
        let of = |before, limit| accesses(&index, one, before, limit).unwrap();
        assert_eq!(of(None, 100), newest_first);
        assert_eq!(of(None, 3), newest_first[..3]);
        assert_eq!(of(Some(SPAN), 100), [SPAN - 1, 7, 0], "before the first entry of a span");
        assert_eq!(of(Some(SPAN + 1), 2), [SPAN, SPAN - 1], "a page ends in the span before");
        assert_eq!(of(Some(0), 100), Vec::<u64>::new());
    }

    #[test]
    fn a_list_is_indexed_by_its_items() {
        assert_eq!(texts(&json!(["C1", 7, "C2"])), ["C1", "C2"]);
        assert_eq!(texts(&json!("C1")), ["C1"]);
        assert_eq!(texts(&json!(true)), Vec::<&str>::new());
    }
}
