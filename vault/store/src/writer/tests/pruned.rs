//! Pruning that is broken off at every place: the log begins where its entry says, and nothing of what stood before is
//! left in its file.

use super::broken::{Fate, break_commit};
use super::*;
use crate::transactions::PruneLog;

/// How many of the log's first entries stand in its file, and how many reasons.
fn left(bench: &Bench, below: u64) -> (u64, u64) {
    let audit = bench.connection(Database::Audit);
    let count = |sql: &str| audit.query_row(sql, [below], |row| row.get(0)).unwrap();
    (
        count("SELECT count(*) FROM entries WHERE idx < ?1 AND length(leaf) > 0"),
        count("SELECT count(*) FROM annotations WHERE idx < ?1"),
    )
}

fn begins_at(bench: &Bench) -> u64 {
    bench.snapshot().minimum_index().unwrap()
}

impl Bench {
    /// A log of so many entries and more, each with a reason.
    fn grow(&mut self, size: u32) {
        for number in 0..size {
            let (subject, reason) = (new_subject(), Some("sinistre".to_owned()));
            let (message, pending) =
                Message::write(record(subject, number), draft(Action::Create), reason, Depends::default());
            let Message::Write(job) = message else { unreachable!("a transaction is a write") };
            self.writer.commit(vec![job], Vec::new());
            pending.wait().unwrap();
        }
    }

    /// What the entries that stand in the log are about.
    fn actions(&self) -> Vec<Action> {
        let logged = self.snapshot().entries(0, 10_000).unwrap();
        logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap().what.action).collect()
    }

    fn prune(&mut self, minimum_index: u64) -> bool {
        self.commit(PruneLog { minimum_index }, Action::PruneLog).is_ok()
    }

    fn remove_all(&mut self) {
        while self.writer.remove_pruned() {}
    }
}

#[test]
fn entries_are_removed_step_by_step_and_the_rest_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    bench.grow(40);
    assert!(bench.prune(32));
    assert_eq!((begins_at(&bench), left(&bench, 32)), (32, (32, 31)), "nobody reads them, and they still stand there");
    assert_eq!(bench.actions().len(), 10);
    drop(bench);
    let mut bench = Bench::open(dir.path());
    bench.remove_all();
    assert_eq!(left(&bench, 32), (0, 0));
    assert_eq!(left(&bench, 1_000), (10, 9), "the others stay");
    assert_eq!(bench.snapshot().leaf_hashes(0, 32).unwrap().len(), 32);
}

#[test]
fn a_pruning_whose_commit_fails_is_done_or_not_done_and_never_half() {
    // audit.db is committed to twice: with the entry, and where it begins.
    for (database, commits) in [(Database::Vault, 1), (Database::Audit, 2)] {
        for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
            for nth in 1..=commits {
                let dir = tempfile::tempdir().unwrap();
                make(dir.path());
                let mut bench = Bench::open(dir.path());
                bench.grow(20);
                bench.remove_all(); // nothing is to be removed: the writer does not look again by itself
                let files = bench.writer.files.as_mut().unwrap();
                let connection = if database == Database::Vault { &mut files.vault } else { &mut files.audit };
                break_commit(connection, fate, nth);
                let _told = bench.prune(16);
                bench.create(99);
                let says = bench.actions().iter().filter(|action| **action == Action::PruneLog).count();
                assert_eq!(begins_at(&bench), if says == 1 { 16 } else { 0 }, "{database:?} {fate:?} {nth}");
                bench.remove_all();
                assert_eq!(left(&bench, 16).0, if says == 1 { 0 } else { 16 }, "{database:?} {fate:?} {nth}");
            }
        }
    }
}

#[test]
fn a_step_that_fails_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    bench.grow(20);
    assert!(bench.prune(16));
    break_commit(&mut bench.writer.files.as_mut().unwrap().audit, Fate::NotPersisted, 1);
    assert!(!bench.writer.remove_pruned(), "the files are closed");
    bench.create(99);
    bench.remove_all();
    assert_eq!(left(&bench, 16), (0, 0));
}
