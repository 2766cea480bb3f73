//! What is created under a key, and the answer kept for it: together at whatever moment the process ends.
#![expect(clippy::panic, reason = "tests")]

use super::broken::{Fate, break_commit};
use super::*;
use crate::answered::{Known, RepeatKey};
use crate::transactions::{EraseSubject, Once, OnceError};
use coffre_core::ids::ApplicationId;

fn key(application: u8, key: &str, request: u8) -> RepeatKey {
    let application = ApplicationId::from_bytes([application; 16]);
    RepeatKey { application, key: key.to_owned(), request: [request; 32] }
}

fn once(key: RepeatKey, number: u32) -> Once<CreateRecord> {
    Once { key, transaction: record(new_subject(), number) }
}

fn known(error: &CommitError<OnceError<crate::transactions::CreateError>>) -> &Known {
    let CommitError::Refused(OnceError::Known(known)) = error else { panic!("{error}") };
    known
}

fn answers(bench: &Bench) -> u64 {
    bench.connection(Database::Vault).query_row("SELECT count(*) FROM answered", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_repetition_is_known_with_its_entry_and_answer_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    bench.create(1);
    let (subject, receipt) = bench.commit(once(key(1, "k", 1), 2), Action::Create).unwrap();
    let check = |bench: &mut Bench| {
        let entries = bench.entries().len();
        let again = bench.commit(once(key(1, "k", 1), 2), Action::Create).unwrap_err();
        let Known::Same(answered) = known(&again) else { panic!("{again}") };
        assert_eq!(answered.output::<SubjectId>().unwrap(), subject);
        assert_eq!((answered.entry, answered.at), (receipt.index(), receipt.time()));
        let seen = bench.snapshot().known(&key(1, "k", 1), bench.shared.now()).unwrap();
        assert_eq!(seen.as_ref(), Some(known(&again)), "before the writer is asked");
        let other = bench.commit(once(key(1, "k", 2), 2), Action::Create).unwrap_err();
        assert_eq!(*known(&other), Known::Other);
        assert_eq!(bench.entries().len(), entries, "nothing was done");
    };
    check(&mut bench);
    drop(bench);
    let mut bench = Bench::open(dir.path());
    check(&mut bench);
    let (other, _) = bench.commit(once(key(2, "k", 1), 3), Action::Create).unwrap();
    assert!(bench.holds(other, 3), "an equal key of another application");
}

#[test]
fn two_of_one_group_are_one() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (other, done) = job(record(new_subject(), 1), Action::Create);
    let (first, created) = job(once(key(1, "k", 1), 2), Action::Create);
    let (second, repeated) = job(once(key(1, "k", 1), 2), Action::Create);
    bench.writer.commit(vec![other, first, second], Vec::new());
    done.wait().unwrap();
    let (subject, receipt) = created.wait().unwrap();
    let repeated = repeated.wait().unwrap_err();
    let Known::Same(answered) = known(&repeated) else { panic!("{repeated}") };
    assert_eq!(answered.output::<SubjectId>().unwrap(), subject);
    assert_eq!(answered.entry, receipt.index());
    assert!(bench.holds(subject, 2));
}

#[test]
fn a_commit_that_breaks_leaves_both_or_neither() {
    for database in [Database::Keyring, Database::Vault, Database::Audit] {
        for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path());
            let mut bench = Bench::open(dir.path());
            let files = bench.writer.files.as_mut().unwrap();
            let broken = match database {
                Database::Keyring => &mut files.keyring,
                Database::Vault => &mut files.vault,
                Database::Audit | Database::Index => &mut files.audit,
            };
            break_commit(broken, fate, 1);
            let failed = bench.commit(once(key(1, "k", 1), 2), Action::Create).unwrap_err();
            assert!(matches!(failed, CommitError::Unavailable(_)), "{database:?} {fate:?}");
            drop(bench);

            // The caller was not answered, and asks again.
            let mut bench = Bench::open(dir.path());
            let went_through =
                database == Database::Audit || (database, fate) == (Database::Vault, Fate::ReportedFailed);
            let subject = match bench.commit(once(key(1, "k", 1), 2), Action::Create) {
                Ok((subject, _)) => {
                    assert!(!went_through, "created twice: {database:?} {fate:?}");
                    subject
                }
                Err(again) => {
                    assert!(went_through, "{database:?} {fate:?}");
                    let Known::Same(answered) = known(&again) else { panic!("{again}") };
                    let subject = answered.output::<SubjectId>().unwrap();
                    let index = usize::try_from(answered.entry).unwrap();
                    assert_eq!(bench.entries().get(index).unwrap().what.subjects, [subject], "{database:?} {fate:?}");
                    subject
                }
            };
            assert!(bench.holds(subject, 2), "{database:?} {fate:?}");
            let created = bench.entries().iter().filter(|entry| entry.what.action == Action::Create).count();
            assert_eq!(created, 1, "{database:?} {fate:?}");
        }
    }
}

#[test]
fn an_answer_is_forgotten_a_day_later_with_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    bench.commit(once(key(1, "k", 1), 1), Action::Create).unwrap();
    bench.commit(once(key(1, "l", 1), 2), Action::Create).unwrap();
    assert_eq!(answers(&bench), 2);
    let now = bench.shared.now();
    let just = now.plus_seconds(crate::ANSWER_SECONDS - 60);
    assert!(bench.snapshot().known(&key(1, "k", 1), just).unwrap().is_some());
    let late = now.plus_seconds(crate::ANSWER_SECONDS);
    assert_eq!(bench.snapshot().known(&key(1, "k", 1), late).unwrap(), None, "even before it is removed");
    let sql = "UPDATE answered SET at = at - 86400000000 WHERE entry = (SELECT min(entry) FROM answered)";
    assert_eq!(bench.connection(Database::Vault).execute(sql, []).unwrap(), 1);
    bench.create(3);
    assert_eq!(answers(&bench), 1, "the other one is of today");
    bench.commit(once(key(1, "k", 2), 4), Action::Create).unwrap();
}

#[test]
fn what_is_erased_takes_its_answer_along_and_is_not_created_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (subject, _) = bench.commit(once(key(1, "k", 1), 1), Action::Create).unwrap();
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    bench.commit(erase, Action::Erase).unwrap();
    let again = bench.commit(once(key(1, "k", 1), 1), Action::Create).unwrap_err();
    assert_eq!(*known(&again), Known::Erased);
    let left = "SELECT count(*) FROM answered WHERE output IS NOT NULL";
    let left: u64 = bench.connection(Database::Vault).query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}
