//! Whoever is erased stays erased, whatever point is restored.

use std::fs;
use std::path::Path;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::search::SearchKind;
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{EraseSubject, GiveGrant, Object};
use coffre_store::{Depends, Identity, Store, finish_restore};

use crate::grants::consent;
use crate::support::{create, draft, index, kind, make, open, path, read};
use crate::{KEEP, add_document, place, place_with};

pub(crate) fn erase(store: &Store, subject: SubjectId) {
    let erase = EraseSubject { record_type: kind(), subject, remember: vec![path("legacy.client_number")] };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
}

pub(crate) fn document_files(vault: &Path) -> usize {
    let shards = fs::read_dir(vault.join("documents")).unwrap().map(|shard| shard.unwrap().path());
    shards.map(|shard| fs::read_dir(shard).unwrap().count()).sum()
}

/// Nothing of an erased person is there, and no import brings it back.
pub(crate) fn is_erased(store: &Store, subject: SubjectId, number: u32) {
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.record(&kind(), subject).unwrap().is_none());
    assert!(!snapshot.records(&kind(), None, 100).unwrap().contains(&subject), "listed");
    assert!(snapshot.versions(subject).unwrap().is_empty() && snapshot.grants(subject).unwrap().is_empty());
    assert!(snapshot.objections(subject).unwrap().is_empty());
    let email = index("contact.email", SearchKind::Exact);
    assert!(snapshot.find(&email, &format!("client{number}@example.fr"), 9).unwrap().is_empty(), "found");
    let name = index("contact.family_name", SearchKind::Name);
    assert!(snapshot.find(&name, "Lefevre", 100).unwrap().iter().all(|hit| hit.subject != subject), "found by name");
    let client = index("legacy.client_number", SearchKind::Exact);
    assert!(snapshot.was_erased(&client, &format!("{number:08}")).unwrap(), "an import would bring it back");
}

#[test]
fn a_restore_of_an_older_point_goes_through_with_erasures() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let (kept, gone) = (create(&store, 1), create(&store, 2));
    add_document(&store, kept, 70_000);
    add_document(&store, gone, 80_000);
    let give = GiveGrant { record_type: kind(), subject: gone, terms: consent(None) };
    store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
    let object = Object { record_type: kind(), subject: gone, purpose: "direct-marketing".to_owned() };
    let (withdrawn, _) = store.transact(object, draft(Action::Object), None, Depends::default()).wait().unwrap();
    assert_eq!((withdrawn.len(), store.snapshot().unwrap().objections(gone).unwrap().len()), (1, 1));
    let first = store.capture(&spool, KEEP, "coffre test").unwrap();
    // One that the older point does not know at all.
    let unknown = create(&store, 3);
    erase(&store, gone);
    erase(&store, unknown);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let fetched = place_with(&spool, &store, 1, 2, &to);
    drop(store);
    assert_eq!(document_files(&to), 2, "the older point still has them");

    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    let now = Timestamp::from_micros(1);
    let restored = finish_restore(&to, &recovery, &fetched, now, &mut SystemEntropy, &mut |_| ()).unwrap();
    assert_eq!((restored.records, restored.documents, restored.erased), (1, 1, 2));
    assert_eq!(document_files(&to), 1, "the file of an erased person");
    for _ in 0..2 {
        let store = open(&dir.path().join("restored"));
        is_erased(&store, gone, 2);
        is_erased(&store, unknown, 3);
        assert_eq!(read(&store, kept, &["contact.email"]).0.len(), 1);
        assert_eq!((store.statistics().unwrap().records, store.statistics().unwrap().documents), (1, 1));
        let logged = store.snapshot().unwrap().entries(first.entries, 3).unwrap();
        let entries: Vec<Entry> = logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect();
        assert_eq!(entries[0].what.action, Action::BeginGeneration);
        let mut told: Vec<_> = entries[1..].iter().map(|entry| (entry.what.action, entry.what.subjects[0])).collect();
        told.sort_by_key(|(_, subject)| *subject == unknown);
        assert_eq!(told, [(Action::Erase, gone), (Action::Erase, unknown)]);
        assert!(entries[1..].iter().all(|entry| entry.what.cause.as_deref() == Some("erased-after-this-backup")));
    }

    // And in the next backup of the restored vault, whoever restores that.
    let store = open(&dir.path().join("restored"));
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("again/vault");
    let fetched = place(&spool, &store, 1, &to);
    drop(store);
    let restored = finish_restore(&to, &recovery, &fetched, now, &mut SystemEntropy, &mut |_| ()).unwrap();
    assert_eq!((restored.records, restored.erased), (1, 0));
    is_erased(&open(&dir.path().join("again")), gone, 2);
}

#[test]
fn a_restore_that_was_cut_short_after_the_erasures_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let gone = create(&store, 2);
    add_document(&store, gone, 80_000);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    erase(&store, gone);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let fetched = place_with(&spool, &store, 1, 2, &to);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    let finish =
        || finish_restore(&to, &recovery, &fetched, Timestamp::from_micros(1), &mut SystemEntropy, &mut |_| ());
    let documents = dir.path().join("documents");
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .args([&to.join("documents"), &documents])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(finish().unwrap().erased, 1);
    // As if it had been killed before the server identity was written, and the files fetched again.
    fs::remove_file(to.join("root.server.age")).unwrap();
    fs::remove_dir_all(to.join("documents")).unwrap();
    fs::rename(&documents, to.join("documents")).unwrap();
    assert_eq!(finish().unwrap().records, 0);
    is_erased(&open(&dir.path().join("restored")), gone, 2);
}
