//! Terms are found as a model has them, however they are gathered, sorted in, interrupted and taken up again.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

type Model = BTreeMap<SubjectId, BTreeSet<Tag>>;

fn subject(number: u8) -> SubjectId {
    SubjectId::from_bytes([number; 16])
}

fn tag(number: u8) -> Tag {
    [number; 16]
}

/// What happens next.
#[derive(Debug, Clone)]
enum Act {
    /// A group is committed: data subjects and their tags.
    Group(Vec<(u8, BTreeSet<u8>)>),
    /// Nobody asks for anything: so many rows are sorted in.
    Rest(usize),
    /// The process ends and another takes up what the file says.
    Crash,
    /// A group fails before it is committed, and the files are opened again.
    Fail(Vec<(u8, BTreeSet<u8>)>),
}

fn group() -> impl Strategy<Value = Vec<(u8, BTreeSet<u8>)>> {
    let tags = proptest::collection::btree_set(0..24u8, 0..6);
    proptest::collection::vec((0..40u8, tags), 1..12)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => group().prop_map(Act::Group),
        2 => (1..40usize).prop_map(Act::Rest),
        1 => Just(Act::Crash),
        1 => group().prop_map(Act::Fail),
    ]
}

fn records(group: &[(u8, BTreeSet<u8>)]) -> Vec<TaggedRecord> {
    group.iter().map(|(who, tags)| (subject(*who), tags.iter().copied().map(tag).collect())).collect()
}

fn file() -> Connection {
    let index = Connection::open_in_memory().unwrap();
    index.execute_batch(crate::schema::INDEX).unwrap();
    index
}

fn commit(index: &Connection, terms: &Terms, write: impl FnOnce() -> rusqlite::Result<Written>) {
    index.execute_batch("BEGIN").unwrap();
    let written = write().unwrap();
    index.execute_batch("COMMIT").unwrap();
    terms.written(written);
}

fn taken_up(index: &Connection) -> Terms {
    let terms = Terms::default();
    terms.load(index).unwrap();
    terms
}

fn found_as_in(model: &Model, index: &Connection, terms: &Terms) -> Result<(), TestCaseError> {
    for number in 0..24 {
        let right: Vec<SubjectId> =
            model.iter().filter(|(_, tags)| tags.contains(&tag(number))).map(|(subject, _)| *subject).collect();
        prop_assert_eq!(&terms.find(index, tag(number), 100).unwrap(), &right, "tag {}", number);
        let few = terms.find(index, tag(number), 3).unwrap();
        prop_assert_eq!(&few, right.get(..right.len().min(3)).unwrap_or_default(), "the first of tag {}", number);
    }
    Ok(())
}

/// Nothing stands in the tables that is in nobody's terms.
fn sorted_as_in(model: &Model, index: &Connection) -> Result<(), TestCaseError> {
    let count = |sql: &str| index.query_row(sql, [], |row| row.get::<_, usize>(0)).unwrap();
    prop_assert_eq!(count("SELECT count(*) FROM gathered"), 0);
    prop_assert_eq!(count("SELECT count(*) FROM terms"), model.values().map(BTreeSet::len).sum::<usize>());
    prop_assert_eq!(count("SELECT count(*) FROM tagged"), model.len());
    Ok(())
}

proptest! {
    #[test]
    fn terms_are_found_whatever_happens(acts in proptest::collection::vec(act(), 1..60)) {
        let (index, mut model) = (file(), Model::new());
        let mut terms = taken_up(&index);
        for act in acts {
            match act {
                Act::Group(group) => {
                    let records = records(&group);
                    commit(&index, &terms, || terms.write(&index, &records));
                    model.extend(records.iter().cloned());
                    for (subject, _) in records.iter().filter(|(subject, _)| model[subject].is_empty()) {
                        for table in ["gathered", "tagged", "terms"] {
                            let left = format!("SELECT count(*) FROM {table} WHERE subject = ?1");
                            let left: usize = index.query_row(&left, [subject.as_bytes()], |row| row.get(0)).unwrap();
                            prop_assert_eq!(left, 0, "of those who are erased nothing stays");
                        }
                    }
                    model.retain(|_, tags| !tags.is_empty());
                }
                Act::Rest(rows) => commit(&index, &terms, || terms.sort_rest(&index, rows)),
                Act::Crash => terms = taken_up(&index),
                Act::Fail(group) => {
                    index.execute_batch("BEGIN").unwrap();
                    let _never_shown = terms.write(&index, &records(&group)).unwrap();
                    index.execute_batch("ROLLBACK").unwrap();
                    terms = taken_up(&index);
                }
            }
            found_as_in(&model, &index, &terms)?;
        }
        while !terms.are_sorted() {
            commit(&index, &terms, || terms.sort_rest(&index, 7));
            found_as_in(&model, &index, &terms)?;
        }
        sorted_as_in(&model, &index)?;
    }
}

#[test]
fn what_is_gathered_is_sorted_in_before_as_much_again_has_come() {
    let (index, terms) = (file(), Terms::default());
    for round in 0..200u8 {
        let tags = (0..4).map(|number| [round, number]).map(|[a, b]| [a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let records = [(subject(round % 100), tags.collect())];
        commit(&index, &terms, || terms.write(&index, &records));
        let held: usize = index.query_row("SELECT count(*) FROM gathered", [], |row| row.get(0)).unwrap();
        assert!(held * 4 <= 2 * MANY, "{held} data subjects after {round}");
    }
}

#[test]
fn a_few_who_change_all_the_time_do_not_make_it_grow() {
    let (index, terms) = (file(), Terms::default());
    for round in 0..400u16 {
        let [a, b] = round.to_be_bytes();
        let tags = (0..2).map(|number| [number, a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).collect();
        let records = [(subject(b % 3), tags)];
        commit(&index, &terms, || terms.write(&index, &records));
        let held: i64 = index.query_row("SELECT count(*) FROM gathered", [], |row| row.get(0)).unwrap();
        assert!(held <= ROWS + 4, "{held} rows after {round}");
        let found = terms.find(&index, records[0].1.first().copied().unwrap(), 9).unwrap();
        assert_eq!(found, [subject(b % 3)]);
    }
}
