//! `index.db` on its own: how it is filled, and that nothing else pays for it.

use std::os::unix::fs::symlink;

use super::*;
use crate::ReadError;
use crate::schema::INDEX_VERSION;
use crate::store::Store;
use crate::writer::recover::INDEXED;

fn index_wal(bench: &Bench) -> u64 {
    bench.writer.files.as_ref().unwrap().index_wal()
}

/// What is written to fill it is many times its size.
#[test]
fn the_log_of_an_index_that_is_built_anew_stays_short() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let jobs = (0..2_600).map(|number| job(record(new_subject(), number), Action::Create).0);
    bench.writer.commit(jobs.collect(), Vec::new());
    bench.shared.index.condemn();
    let mut steps = 0;
    while bench.writer.heal() {
        assert!(index_wal(&bench) < INDEXED, "{} pages after step {steps}", index_wal(&bench));
        steps += 1;
    }
    assert!(steps > 4, "{steps}");

    drop(bench);
    for file in killed::index_files(dir.path()) {
        std::fs::remove_file(file).unwrap();
    }
    let bench = Bench::open(dir.path());
    assert!(index_wal(&bench) < INDEXED, "{} pages after a start", index_wal(&bench));
    let found = bench.snapshot().find(&email(), &address(2_599), 10).unwrap();
    assert_eq!(found.len(), 1);
}

/// As after an upgrade: whoever starts a large vault does not wait until all records can be searched.
#[test]
fn an_index_that_lacks_much_at_start_is_filled_between_groups() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let many = 6_500; // more than a start goes through
    let jobs = (0..many).map(|number| job(record(new_subject(), number), Action::Create).0);
    bench.writer.commit(jobs.collect(), Vec::new());
    bench.connection(Database::Index).pragma_update(None, "user_version", INDEX_VERSION - 1).unwrap();
    drop(bench);
    let find = |bench: &Bench, number| bench.snapshot().find(&email(), &address(number), 10);
    let is_refused = |bench: &Bench| {
        let refused = find(bench, 0).unwrap_err();
        assert!(matches!(refused, ReadError::Unavailable(Unavailable::Index)), "{refused}");
    };
    let mut bench = Bench::open(dir.path());
    is_refused(&bench);
    bench.create(many); // served meanwhile
    assert!(bench.writer.heal());
    is_refused(&bench);
    drop(bench); // half of it is filled
    let mut bench = Bench::open(dir.path());
    while bench.writer.heal() {}
    assert_eq!(bench.shared.index.age(), 0, "it went on where it was");
    for number in [0, many - 1, many] {
        assert_eq!(find(&bench, number).unwrap().len(), 1, "record {number}");
    }
    bench.create(many + 1);
    assert_eq!(find(&bench, many + 1).unwrap().len(), 1);

    // A command that has the vault to itself waits.
    bench.connection(Database::Index).pragma_update(None, "user_version", INDEX_VERSION - 1).unwrap();
    drop(bench);
    let layout = crate::layout::Layout::new(&dir.path().join("vault"));
    let identity = Identity::read(&layout.server_identity()).unwrap();
    let options = OpenOptions { indexes: vec![email()], clock: Arc::new(SystemClock), readers: 1 };
    let store = Store::open(layout.root(), &identity, &options).unwrap();
    store.wait_for_index();
    assert_eq!(store.snapshot().unwrap().find(&email(), &address(many), 10).unwrap().len(), 1);
}

/// It is read for the index, which is made of everybody.
#[test]
fn a_record_that_does_not_open_holds_up_the_index_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (subject, other) = (bench.create(1), bench.create(2));
    let sealed: Vec<u8> = bench
        .connection(Database::Vault)
        .query_row("SELECT sealed FROM record_values WHERE subject = ?1", [subject.as_bytes()], |row| row.get(0))
        .unwrap();
    let put = |bench: &Bench, sealed: &[u8]| {
        let sql = "UPDATE record_values SET sealed = ?2 WHERE subject = ?1";
        bench.connection(Database::Vault).execute(sql, rusqlite::params![subject.as_bytes(), sealed]).unwrap();
    };
    put(&bench, b"damaged");
    bench.connection(Database::Index).pragma_update(None, "user_version", INDEX_VERSION - 1).unwrap();
    drop(bench);
    let mut bench = Bench::open(dir.path());
    while bench.writer.heal() {}
    let refused = bench.snapshot().find(&email(), &address(2), 10).unwrap_err();
    assert!(matches!(refused, ReadError::Unavailable(Unavailable::Index)), "{refused}");
    let fields = bench.snapshot().fields(&kind(), other, &[email().field]).unwrap().into_inner();
    assert_eq!(fields.0.len(), 1);
    bench.create(3);
    put(&bench, &sealed);
    assert!(!bench.writer.heal(), "not before every group");
    bench.writer.heal_at = None;
    while bench.writer.heal() {}
    for number in 1..=3 {
        assert_eq!(bench.snapshot().find(&email(), &address(number), 10).unwrap().len(), 1, "record {number}");
    }
}

/// Nobody restores from `index.db`, so its log need not be captured before it is taken in.
#[test]
fn the_log_of_the_index_breaks_no_chain_however_long_it_is() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.shared.watch.set_on(true, CHECKPOINT_PAGES);
    let index = bench.connection(Database::Index);
    for _ in 0..CHECKPOINT_PAGES {
        index.pragma_update(None, "user_version", INDEX_VERSION).unwrap();
    }
    assert!(index_wal(&bench) >= CHECKPOINT_PAGES);
    bench.writer.checkpoint_if_long();
    assert!(!bench.shared.watch.is_upset(), "the chains begin anew for nothing");
    assert_eq!(index_wal(&bench), 0);
    assert!(bench.holds(subject, 1));
}

/// No more files to open, no space: it says nothing of what `index.db` holds.
#[test]
fn an_index_that_cannot_be_looked_at_for_now_is_not_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    drop(bench);
    let [_, _, shared_memory] = killed::index_files(dir.path());
    if shared_memory.exists() {
        std::fs::remove_file(&shared_memory).unwrap();
    }
    symlink("nowhere", &shared_memory).unwrap(); // SQLite opens no links here
    let refused = Bench::open_by(dir.path(), Arc::new(SystemClock)).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Io(_)), "{refused:?}");
    std::fs::remove_file(&shared_memory).unwrap();
    let bench = Bench::open(dir.path());
    assert_eq!(bench.shared.index.age(), 0, "it is the one that was there");
    assert!(bench.holds(subject, 1));
}

/// What may be done on a full disk rests on it being known for one.
#[test]
fn a_disk_too_full_for_a_new_index_is_a_full_disk() {
    let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
    let error = RecoverError::from(OpenError::Database { file: "index.db", source: full });
    assert_eq!(Unavailable::from_recover(&error), Unavailable::DiskFull);
}
