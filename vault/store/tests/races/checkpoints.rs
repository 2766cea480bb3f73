//! Checkpoints with readers that overlap all the time: the write-ahead log shrinks nevertheless, and
//! what is read stays right.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coffre_core::audit::Action;
use coffre_core::record::Fields;
use coffre_store::transactions::CreateRecord;
use coffre_store::{Depends, Store};
use serde_json::json;

use crate::support::{draft, kind, make, open, path, read};

/// Beyond this the writer checkpoints: see `CHECKPOINT_PAGES`.
const LONG: u64 = 16 << 20;

fn create_large(store: &Store, number: u32) -> coffre_core::ids::SubjectId {
    let fields = Fields([(path("contact.email"), json!(format!("{number} ").repeat(60_000)))].into());
    let create = CreateRecord { record_type: kind(), subject: store.new_subject(), fields };
    store.transact(create, draft(Action::Create), None, Depends::default()).wait().unwrap().0
}

#[test]
fn the_log_shrinks_although_a_reader_is_always_there() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let first = create_large(&store, 0);
    let (stop, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    // Each lets go only when the other has taken a new snapshot: there is always one.
    let turn = AtomicU64::new(0);
    let keep_reading = |own: u64| {
        while !stop.load(Ordering::Relaxed) {
            let snapshot = store.snapshot().unwrap();
            assert!(snapshot.record(&kind(), first).unwrap().is_some());
            taken.fetch_add(1, Ordering::Relaxed);
            turn.store(own, Ordering::Relaxed);
            let patience = Instant::now() + Duration::from_millis(50);
            while turn.load(Ordering::Relaxed) == own && Instant::now() < patience {
                std::thread::yield_now();
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| keep_reading(1));
        scope.spawn(|| keep_reading(2));
        let (mut number, mut before, mut shrunk) = (0, 0, 0);
        let deadline = Instant::now() + Duration::from_mins(3);
        while shrunk < 3 {
            assert!(Instant::now() < deadline, "the log has {before} bytes and does not shrink");
            number += 1;
            create_large(&store, number);
            let length = store.statistics().unwrap().wal_bytes;
            assert!(length < 2 * LONG, "{length} bytes: checkpoints are starved");
            shrunk += u32::from(length < before / 2);
            before = length;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(taken.load(Ordering::Relaxed) > 10);

    let check = |store: &Store| {
        let all = store.snapshot().unwrap().records(&kind(), None, 10_000).unwrap();
        assert_eq!(all.len() as u64, store.statistics().unwrap().records);
        let mut seen = std::collections::BTreeSet::new();
        for subject in all {
            let values = read(store, subject, &["contact.email"]);
            let text = values.0[&path("contact.email")].as_str().unwrap();
            let number = text.split(' ').next().unwrap().to_owned();
            assert!(text == format!("{number} ").repeat(60_000), "a torn value");
            assert!(seen.insert(number), "one value twice");
        }
    };
    check(&store);
    drop(store);
    check(&open(dir.path()));
}
