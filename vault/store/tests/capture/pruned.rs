//! A log whose first entries were pruned: the rest verifies, drills still compare everything stored with it, and a
//! restored vault goes on from it.

use std::collections::BTreeMap;

use coffre_core::audit::{Action, Entry, MAX_LEAF_LENGTH};
use coffre_core::ids::SubjectId;
use coffre_core::tlog::{StoredEntry, TreeHead, verify_entries};
use coffre_store::transactions::{AmendRecord, CarryOver, PruneLog, Transaction};
use coffre_store::{Carrying, Depends, Disclosure, ReadError, Store};
use serde_json::json;

use crate::rewound::{at, finish};
use crate::rotated::{begin, go_through};
use crate::support::{create, draft, kind, make, open, path, read, sample};
use crate::{KEEP, add_document, drill, erase, place};

fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
    store.transact(transaction, draft(action), None, Depends::default()).wait().unwrap().0
}

fn amend(store: &Store, subject: SubjectId, version: u32) {
    let changes = BTreeMap::from([(path("contact.email"), Some(json!("new@example.fr")))]);
    done(store, AmendRecord { record_type: kind(), subject, expected_version: version, changes }, Action::Amend);
}

/// Lets the log grow to a size.
fn grow(store: &Store, size: u64) {
    let denial =
        || Disclosure { draft: draft(Action::Read), reason: None, claims: vec![], depends: Depends::default() };
    let pending: Vec<_> = (store.tree_head().size..size).map(|_| store.disclose(denial())).collect();
    for entry in pending {
        entry.wait().unwrap();
    }
}

/// Writes down what the entries before an index say was written; gives how many writes.
fn carry(store: &Store, minimum_index: u64) -> usize {
    let mut carrying = Carrying::begin(store, minimum_index).unwrap();
    let mut writes = 0;
    while let Some(carried) = carrying.next(store).unwrap() {
        writes += carried.len();
        done(store, CarryOver { minimum_index, carried }, Action::CarryOver);
    }
    writes
}

fn prune(store: &Store, minimum_index: u64) -> usize {
    let writes = carry(store, minimum_index);
    done(store, PruneLog { minimum_index }, Action::PruneLog);
    writes
}

/// Verifies the log as it is stored; gives where it begins.
fn verified(store: &Store) -> u64 {
    let entries = store.snapshot().unwrap().hashed_entries(0, 100_000).unwrap();
    let head = TreeHead::open(store.tree_head().note.as_bytes(), store.verification_key(), None).unwrap();
    let entries = entries.into_iter().map(Ok::<StoredEntry<Vec<u8>>, ReadError>);
    verify_entries(entries, &[head]).unwrap().minimum_index
}

#[test]
fn what_is_stored_is_still_what_the_log_says_was_written() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, scratch) = (dir.path().join("spool"), dir.path().join("scratch"));
    let store = open(dir.path());
    let subjects = [1, 2, 3, 4].map(|number| create(&store, number));
    add_document(&store, subjects[0], 70_000);
    amend(&store, subjects[1], 1);
    erase(&store, subjects[3]);
    grow(&store, 600);
    // One that was begun and not gone through with: what it carried over is not counted twice.
    assert_eq!(carry(&store, 256), 5, "three records, a change, a document: the erased one is left out");
    assert_eq!(prune(&store, 512), 5);
    assert_eq!((verified(&store), store.snapshot().unwrap().minimum_index().unwrap()), (512, 512));
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    let drilled = drill(&store, &spool, captured.number, &scratch).unwrap();
    assert_eq!((drilled.documents, drilled.slice_records), (1, 3));

    // And again, over what the first one carried.
    amend(&store, subjects[2], 1);
    grow(&store, 1_300);
    assert_eq!(prune(&store, 1_024), 6);
    assert_eq!(prune(&store, 512), 0, "a log never begins earlier again");
    assert_eq!(verified(&store), 1_024);
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    drill(&store, &spool, captured.number, &dir.path().join("again")).unwrap();
}

/// The entries that say what was encrypted anew may go before, with or after what the former ones carried over.
#[test]
fn what_was_encrypted_anew_is_known_over_every_pruning() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let subject = create(&store, 1);
    add_document(&store, subject, 70_000);
    amend(&store, subject, 1);
    let drilled = |name: &str| {
        let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
        let drilled = drill(&store, &spool, captured.number, &dir.path().join(name)).unwrap();
        assert_eq!((drilled.values, drilled.documents), (4, 1), "{name}");
    };
    grow(&store, 300);
    begin(&store);
    go_through(&store);
    drilled("whole");
    grow(&store, 600);
    assert_eq!(prune(&store, 256), 3, "what was written first, which a later entry knows better");
    drilled("former pruned");
    assert_eq!(prune(&store, 512), 2, "the record and the document as they are encrypted now");
    drilled("both pruned");
    begin(&store);
    go_through(&store);
    drilled("rotated again");
    grow(&store, 1_100);
    assert_eq!(prune(&store, 1_024), 2, "only what stands is carried on");
    drilled("all pruned");
}

/// What is pruned may end between the entry that took something away and the restore that brought it back.
#[test]
fn what_a_later_restore_to_a_moment_brought_back_is_carried_over() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, to) = (dir.path().join("spool"), dir.path().join("restored/vault"));
    let store = open(dir.path());
    let subject = create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    amend(&store, subject, 1);
    begin(&store);
    go_through(&store);
    grow(&store, 300);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let store = open(&dir.path().join("restored"));
    assert_eq!(prune(&store, 256), 2, "the record as it is stored again, and as it was encrypted anew");
    let spool = dir.path().join("spool-of-the-restored");
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    let drilled = drill(&store, &spool, captured.number, &dir.path().join("scratch")).unwrap();
    assert_eq!(drilled.values, 3);
}

/// What did not stand when its entries were pruned, and stands again.
#[test]
fn what_a_restore_to_a_moment_brings_back_of_pruned_entries_is_named_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, to) = (dir.path().join("spool"), dir.path().join("restored/vault"));
    let store = open(dir.path());
    let subject = create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    amend(&store, subject, 1);
    begin(&store);
    go_through(&store);
    grow(&store, 300);
    assert_eq!(prune(&store, 256), 1, "the record as it is encrypted now");
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let store = open(&dir.path().join("restored"));
    let spool = dir.path().join("spool-of-the-restored");
    let drilled = |name: &str| {
        let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
        assert_eq!(drill(&store, &spool, captured.number, &dir.path().join(name)).unwrap().values, 3, "{name}");
    };
    drilled("restored");
    go_through(&store);
    drilled("encrypted anew");
    grow(&store, 600);
    prune(&store, 512);
    drilled("pruned again");
}

#[test]
fn a_restored_vault_goes_on_from_a_pruned_log() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let subject = create(&store, 1);
    grow(&store, 400);
    prune(&store, 256);
    let size = store.capture(&spool, KEEP, "coffre test").unwrap().entries;
    let to = dir.path().join("restored/vault");
    let fetched = place(&spool, &store, 1, &to);
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let store = open(&dir.path().join("restored"));
    assert_eq!(read(&store, subject, &["contact.email"]).0.values().next(), sample(1).0.get(&path("contact.email")));
    assert_eq!(verified(&store), 256);
    let logged = store.snapshot().unwrap().entries(0, 1_000).unwrap();
    assert_eq!(logged[0].index, 256);
    let began = logged.iter().find(|entry| entry.index == size).unwrap();
    assert_eq!(Entry::from_leaf(&began.leaf).unwrap().what.action, Action::BeginGeneration);
}

#[test]
fn who_wrote_it_when_and_why_is_not_carried_over() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let mut write = draft(Action::Create);
    (write.operator, write.purpose) = (Some("u4711".to_owned()), Some("claims-handling".to_owned()));
    let create = coffre_store::transactions::CreateRecord {
        record_type: kind(),
        subject: store.new_subject(),
        fields: sample(1),
    };
    store.transact(create, write, Some("sinistre".to_owned()), Depends::default()).wait().unwrap();
    grow(&store, 300);
    assert!(store.snapshot().unwrap().reason(1).unwrap().is_some());
    assert_eq!(prune(&store, 256), 1);
    let snapshot = store.snapshot().unwrap();
    let logged = snapshot.entries(0, 1_000).unwrap();
    assert!(logged.iter().all(|entry| entry.index >= 256 && entry.leaf.len() <= MAX_LEAF_LENGTH));
    for told in ["u4711", "claims-handling"] {
        assert!(!logged.iter().any(|entry| String::from_utf8_lossy(&entry.leaf).contains(told)), "{told}");
    }
    assert_eq!(snapshot.reason(1).unwrap(), None);
    assert_eq!(snapshot.leaf_hashes(0, 1_000).unwrap().len() as u64, store.tree_head().size, "all hashes stay");
}
