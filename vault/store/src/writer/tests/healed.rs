//! The access history while `index.db` is built anew: refused, and then all of it, whether it had been in the file, in
//! memory, or in neither.

use super::broken::{Fate, break_commit};
use super::*;
use crate::ReadError;

fn read(bench: &mut Bench, subject: SubjectId) -> u64 {
    let (job, pending) = reading(read_entry(subject));
    bench.writer.commit(Vec::new(), vec![job]);
    pending.wait().unwrap().index()
}

fn history(bench: &Bench, subject: SubjectId) -> Result<Vec<u64>, ReadError> {
    Ok(bench.snapshot().accesses(subject, None, 1_000)?.iter().map(|entry| entry.index).collect())
}

#[test]
fn an_index_built_anew_shows_every_access() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let mut all: Vec<u64> = history(&bench, subject).unwrap();
    all.extend((0..250).map(|_| read(&mut bench, subject)));
    bench.writer.write_rest_of_history();
    all.extend((0..50).map(|_| read(&mut bench, subject)));
    let newest_first = |all: &[u64]| all.iter().rev().copied().collect::<Vec<_>>();
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "some in the file, some in memory");

    bench.shared.index.condemn();
    all.push(read(&mut bench, subject));
    let mut steps = 0;
    while bench.writer.heal() {
        assert!(steps < 100, "it never ends while there are reads");
        assert!(matches!(history(&bench, subject), Err(ReadError::Unavailable(Unavailable::Index))), "not the half");
        all.push(read(&mut bench, subject));
        steps += 1;
    }
    assert!(steps > 1, "{steps} steps: it is built between groups");
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "built anew");
    all.push(read(&mut bench, subject));
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "and what came after");

    drop(bench); // as a crash: what is in memory is lost
    assert_eq!(history(&Bench::open(dir.path()), subject).unwrap(), newest_first(&all), "opened again");
}

#[test]
fn an_index_of_another_version_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.connection(Database::Index).pragma_update(None, "user_version", crate::schema::INDEX_VERSION - 1).unwrap();
    drop(bench);
    let bench = Bench::open(dir.path());
    assert!(bench.shared.index.age() > 0, "the file of the former version is still there");
    assert!(bench.holds(subject, 1));
    assert_eq!(history(&bench, subject).unwrap().len(), 1);
}

/// Each try begins from nothing, and groups wait for it.
#[test]
fn an_index_that_cannot_be_built_anew_is_not_tried_again_before_every_group() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let shared_memory = dir.path().join("vault/index.db-shm");
    std::fs::remove_file(&shared_memory).unwrap();
    std::fs::create_dir(&shared_memory).unwrap(); // cannot be removed as a file
    bench.shared.index.condemn();
    assert!(!bench.writer.heal());
    std::fs::remove_dir(&shared_memory).unwrap();
    let failed = Instant::now();
    assert!(!bench.writer.heal(), "at once");
    read(&mut bench, subject);
    while !bench.writer.heal() {
        assert!(failed.elapsed() < Duration::from_mins(1), "never again");
        std::thread::yield_now();
    }
    while bench.writer.heal() {}
    assert_eq!(history(&bench, subject).unwrap().len(), 2);
}

/// Whoever waits for the vault to come back does not wait until all records can be searched.
#[test]
fn an_index_that_is_lost_while_the_vault_runs_is_filled_between_groups() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    std::fs::remove_file(dir.path().join("vault/index.db")).unwrap();
    break_commit(&mut bench.writer.files.as_mut().unwrap().vault, Fate::NotPersisted, 1);
    bench.commit(record(new_subject(), 2), Action::Create).unwrap_err();
    read(&mut bench, subject);
    assert!(matches!(history(&bench, subject), Err(ReadError::Unavailable(Unavailable::Index))));
    while bench.writer.heal() {}
    assert_eq!(history(&bench, subject).unwrap().len(), 2);
}
