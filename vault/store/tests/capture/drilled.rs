//! Drills: a restored backup opens beside the running vault, and whatever is not as the log says is found.

use std::fs;
use std::path::Path;

use coffre_core::audit::Action;
use coffre_core::drill::{DrillResult, Slice};
use coffre_core::ids::RequestId;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::EraseSubject;
use coffre_store::{Depends, DrillError, Drilled, RestoreError, Store};

use crate::support::{create, draft, kind, make, open};
use crate::{KEEP, add_document, place, place_with};

/// A restored backup, opened beside the vault that it is of.
pub(crate) fn drill(store: &Store, spool: &Path, number: u64, to: &Path) -> Result<Drilled, DrillError> {
    let fetched = place(spool, store, number, to);
    store.drill(to, &fetched, Slice::ALL, &mut |_| (), &|| false)
}

#[test]
fn a_drill_opens_a_backup_beside_the_running_vault_and_counts_what_the_log_names() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let subjects: Vec<_> = (0..20).map(|number| create(&store, number)).collect();
    add_document(&store, subjects[3], 100_000);
    add_document(&store, subjects[4], 1_000);
    let erase = EraseSubject { record_type: kind(), subject: subjects[4], remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    let gone = create(&store, 30);
    let drilled = drill(&store, &spool, 1, &dir.path().join("scratch")).unwrap();
    assert_eq!((drilled.entries, drilled.documents, drilled.slice_records), (captured.entries, 1, 19));
    assert_eq!((drilled.slice_documents, drilled.slice_document_bytes), (1, 100_000));
    assert!(drilled.values >= 19, "{drilled:?}");
    // Erased since: the newest keyring knows it, an older point does not.
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let erase = EraseSubject { record_type: kind(), subject: gone, remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("older");
    let fetched = place_with(&spool, &store, 2, 3, &to);
    let older = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap();
    assert_eq!(older.slice_records, 19);
    // The running vault was not touched: it serves, and its log goes on.
    create(&store, 31);
}

#[test]
fn a_drill_stops_wherever_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    for number in 0..120 {
        create(&store, number);
    }
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let (to, mut steps) = (dir.path().join("all"), 0);
    let fetched = place(&spool, &store, 1, &to);
    store.drill(&to, &fetched, Slice::ALL, &mut |_| steps += 1, &|| false).unwrap();
    assert!(steps > 8, "{steps}");
    for last in 0..steps {
        let to = dir.path().join(format!("stopped-{last}"));
        let fetched = place(&spool, &store, 1, &to);
        let asked = std::cell::Cell::new(0);
        let mut counting = |_| asked.set(asked.get() + 1);
        let stopped = store.drill(&to, &fetched, Slice::ALL, &mut counting, &|| asked.get() > last).unwrap_err();
        assert!(matches!(stopped, DrillError::Restore(RestoreError::Stopped)), "{last}: {stopped}");
        assert_eq!(asked.get(), last + 1, "at once, not at the end");
    }
}

#[test]
fn a_drill_of_what_is_not_the_vaults_own_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("keys");
    let fetched = place(&spool, &store, 1, &to);
    let mut keys = fs::read(to.join("keys.json")).unwrap();
    keys.push(b'\n');
    fs::write(to.join("keys.json"), keys).unwrap();
    let refused = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(refused, DrillError::KeyFile { file: "keys.json" }), "{refused}");

    let to = dir.path().join("document");
    add_document(&store, create(&store, 2), 70_000);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let fetched = place(&spool, &store, 2, &to);
    let shards = fs::read_dir(to.join("documents")).unwrap().map(|shard| shard.unwrap().path());
    let document = shards.flat_map(|shard| fs::read_dir(shard).unwrap()).next().unwrap().unwrap().path();
    let mut bytes = fs::read(&document).unwrap();
    bytes[66_000] ^= 1;
    fs::write(&document, bytes).unwrap();
    let refused = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(refused, DrillError::Restore(RestoreError::Document { .. })), "{refused}");

    // A page of an older base in its place: each page is authentic, and the log does not name what is there.
    let to = dir.path().join("spliced");
    let fetched = place(&spool, &store, 2, &to);
    let older = dir.path().join("older");
    place(&spool, &store, 1, &older);
    fs::copy(older.join("vault.db"), to.join("vault.db")).unwrap();
    let refused = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(refused, DrillError::NotAsLogged { what: "a value", .. }), "{refused}");

    // A log that ends before the running one began to differ is an ancestor; one that went another way is not.
    drop(store);
    let fork = dir.path().join("fork");
    fs::create_dir(&fork).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").args([&dir.path().join("vault"), &fork]).status();
    assert!(copied.unwrap().success());
    let (store, fork) = (open(dir.path()), open(&fork));
    create(&fork, 3);
    let captured = fork.capture(&dir.path().join("fork-spool"), KEEP, "coffre test").unwrap();
    for number in 4..9 {
        create(&store, number);
    }
    let to = dir.path().join("forked");
    let fetched = place(&dir.path().join("fork-spool"), &fork, captured.number, &to);
    let refused = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(refused, DrillError::NotAncestor(_)), "{refused}");
}

#[test]
fn a_result_that_cannot_be_read_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    for number in 1..=3 {
        let request = RequestId::random(&mut SystemEntropy);
        store.keep_drill(&DrillResult::begun(store.scope(), number, "building-b", store.now(), request)).unwrap();
    }
    let unreadable = dir.path().join("vault/drills/00000002.note");
    fs::remove_file(&unreadable).unwrap();
    fs::create_dir(&unreadable).unwrap();
    let numbers: Vec<u64> = store.drills().unwrap().iter().map(|result| result.number).collect();
    assert_eq!(numbers, [1, 3]);
}
