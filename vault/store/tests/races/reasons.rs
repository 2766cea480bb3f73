//! Free-text reasons: committed to in the log, readable until their subject is erased, then gone
//! without a crack in the log.

use coffre_core::audit::{Action, Decision, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::merkle::{leaf_hash, root_of};
use coffre_core::tlog::TreeHead;
use coffre_store::transactions::EraseSubject;
use coffre_store::{Depends, Disclosure, Store};

use crate::support::{create, draft, kind, make, open};

const REASON: &str = "rappel après l'hospitalisation de Mme Lefèvre";

fn read_because(store: &Store, subject: SubjectId, decision: Decision) -> u64 {
    let mut entry = draft(Action::Read);
    (entry.record_type, entry.subjects, entry.decision) = (Some(kind()), vec![subject], decision);
    let (reason, depends) = (Some(REASON.to_owned()), Depends::default());
    store.disclose(Disclosure { draft: entry, reason, claims: Vec::new(), depends }).wait().unwrap().index()
}

fn log_is_whole(store: &Store) -> Vec<Entry> {
    let logged = store.snapshot().unwrap().entries(0, 1_000).unwrap();
    let note = store.tree_head().note;
    let head = TreeHead::open(note.as_bytes(), store.verification_key(), Some(store.origin())).unwrap();
    assert_eq!(root_of(logged.iter().map(|entry| leaf_hash(&entry.leaf))), head.root);
    logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect()
}

#[test]
fn a_reason_is_committed_to_and_readable_until_its_subject_is_erased() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let (subject, other) = (create(&store, 1), create(&store, 2));
    let given = [
        read_because(&store, subject, Decision::Allow),
        read_because(&store, subject, Decision::Deny),
        read_because(&store, other, Decision::Allow),
    ];
    let reason = |store: &Store, index: u64| store.snapshot().unwrap().reason(index).unwrap();
    let check = |store: &Store, erased: bool| {
        let expected = |gone: bool| (!gone).then(|| REASON.to_owned());
        assert_eq!(given.map(|index| reason(store, index)), [erased, erased, false].map(expected));
        assert_eq!(reason(store, 1), None, "an entry without a reason");
        let entries = log_is_whole(store);
        let commitments = given.map(|index| entries[usize::try_from(index).unwrap()].what.reason.clone().unwrap());
        assert!(commitments.iter().all(|commitment| commitment.len() == 64));
        assert_ne!(commitments[0], commitments[1], "equal reasons must not look equal");
    };
    check(&store, false);
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    check(&store, true);
    drop(store);
    check(&open(dir.path()), true);
}

/// Nobody's key could make it unreadable again, so it is not kept; the entry says nothing of it.
#[test]
fn a_reason_about_nobody_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let unknown = store.new_subject().id;
    let index = read_because(&store, unknown, Decision::Deny);
    assert_eq!(store.snapshot().unwrap().reason(index).unwrap(), None);
    assert_eq!(log_is_whole(&store)[usize::try_from(index).unwrap()].what.reason, None);
}
