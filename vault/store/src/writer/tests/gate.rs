//! Why checkpoints succeed: the reader gate. With readers that overlap all the time, every checkpoint through it takes
//! everything (SQLite reports busy=0 and log=checkpointed, or `checkpoint_all` fails) and need not wait for SQLite's locks;
//! past it, none does.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::writer::checkpoint::take_in;

/// Readers of which there is always one in a view; checks that there is.
fn with_a_reader_always_there(bench: &mut Bench, subject: SubjectId, act: impl FnOnce(&mut Writer)) -> u64 {
    let (stop, turn, taken) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let Bench { writer, readers, shared, .. } = bench;
    do_not_wait(writer);
    let (readers, shared) = (&*readers, &**shared);
    let keep_reading = |own: u64| {
        while !stop.load(Ordering::SeqCst) {
            let snapshot = Snapshot::begin(shared, readers).unwrap();
            assert!(snapshot.record(&kind(), subject).unwrap().is_some());
            taken.fetch_add(1, Ordering::SeqCst);
            turn.store(own, Ordering::SeqCst);
            let patience = std::time::Instant::now() + Duration::from_millis(50);
            while turn.load(Ordering::SeqCst) == own && std::time::Instant::now() < patience {
                std::thread::yield_now();
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| keep_reading(1));
        scope.spawn(|| keep_reading(2));
        while taken.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        act(writer);
        stop.store(true, Ordering::SeqCst);
    });
    taken.into_inner()
}

/// Otherwise SQLite waits five seconds for a reader to go, and the writer with it.
fn do_not_wait(writer: &Writer) {
    let files = writer.files.as_ref().unwrap();
    for (_, connection) in files.kept() {
        connection.busy_timeout(Duration::ZERO).unwrap();
    }
    files.index.busy_timeout(Duration::ZERO).unwrap();
}

fn create(writer: &mut Writer, number: u32) {
    let (job, pending) = job(record(new_subject(), number), Action::Create);
    writer.commit(vec![job], Vec::new());
    pending.wait().unwrap();
}

#[test]
fn through_the_gate_every_checkpoint_takes_everything() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(0);
    let shared = Arc::clone(&bench.shared);
    let taken = with_a_reader_always_there(&mut bench, subject, |writer| {
        for number in 1..60 {
            create(writer, number);
            checkpoint_all(&shared, writer.files.as_ref().unwrap(), Leave::Space).unwrap();
            assert_eq!(shared.wal_bytes(), 0, "something was left in a log");
        }
    });
    assert!(taken > 60, "{taken} views: the readers were starved");
}

#[test]
fn past_the_gate_no_checkpoint_takes_everything() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(0);
    let Bench { writer, readers, shared, .. } = &mut bench;
    do_not_wait(writer);
    let look = || {
        let snapshot = Snapshot::begin(shared, readers).unwrap();
        assert!(snapshot.record(&kind(), subject).unwrap().is_some());
        snapshot
    };
    // Each view begins before the one before it ends.
    let mut open = look();
    for number in 1..60 {
        create(writer, number);
        let files = writer.files.as_ref().unwrap();
        shared.pages.announce(&shared.layout, &shared.keys(), &shared.scope, files.frames().unwrap()).unwrap();
        assert!(take_in(&files.vault, Leave::Space).is_err(), "then what is the gate for?");
        open = look();
    }
    drop(open);
    checkpoint_all(shared, writer.files.as_ref().unwrap(), Leave::Space).unwrap();
}

/// A view that is held keeps a checkpoint waiting, not failing.
#[test]
fn a_checkpoint_waits_for_the_view_that_is_open() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(0);
    let Bench { writer, readers, shared, .. } = &mut bench;
    do_not_wait(writer);
    let snapshot = Snapshot::begin(shared, readers).unwrap();
    assert!(snapshot.record(&kind(), subject).unwrap().is_some());
    let files = writer.files.as_ref().unwrap();
    assert!(take_in(&files.vault, Leave::Space).is_err(), "past the gate it is busy");
    // Connections do not cross threads while they are borrowed, so the view ends on its own here.
    assert!(shared.gate.try_write().is_err(), "an open view holds the gate");
    drop(snapshot);
    assert!(shared.gate.try_write().is_ok());
    checkpoint_all(shared, files, Leave::Space).unwrap();
}
