//! Requests of people who have no record, through backups, a rotation of the data, restores and drills: whoever asked is a holder of
//! a key like anybody else.

use coffre_core::audit::Action;
use coffre_core::filing::{Channel, Filing, FilingContent, FilingKind, FilingTerms, IdentityCheck, REQUESTER};
use coffre_core::ids::{ApplicationId, SubjectId};
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::role::Role;
use coffre_store::transactions::{FileForStranger, FileRequest, LinkRequest, Transaction};
use coffre_store::{Depends, Disclosure, Pass, Receipt, RecordsSetBack, Store, Undisclosed};
use serde_json::{Value, json};

use crate::rewound::{at, finish};
use crate::rotated::{begin, go_through};
use crate::support::{create, draft, kind, make, open, path};
use crate::{KEEP, drill, place, place_with};

const ALL: std::num::NonZeroU64 = std::num::NonZeroU64::new(9).unwrap();

const ASKED: &str = "que savez-vous de moi ?";

fn requesters() -> RecordTypeName {
    REQUESTER.parse().unwrap()
}

fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
    store.transact(transaction, draft(action), None, Depends::default()).wait().unwrap().0
}

fn file(store: &Store, name: &str) -> Filing {
    let requester = store.new_subject();
    let terms = FilingTerms {
        record_type: requesters(),
        subject: requester.id,
        kind: FilingKind::Access,
        channel: Channel::Letter,
        identity: IdentityCheck::InPerson,
        received_on: "2026-01-05".parse().unwrap(),
    };
    let content = FilingContent { text: Some(ASKED.to_owned()), ..FilingContent::default() };
    let request = FileRequest { terms, filer: ApplicationId::from_bytes([9; 16]), filer_role: Role::Legal, content };
    let fields = Fields([(path("contact.family_name"), json!(name))].into());
    done(store, FileForStranger { requester, fields, request }, Action::FileRequest)
}

fn receipt<T>(store: &Store, kind: &RecordTypeName, subject: SubjectId, content: &Undisclosed<T>) -> Receipt {
    let mut entry = draft(Action::Read);
    (entry.record_type, entry.subjects) = (Some(kind.clone()), vec![subject]);
    entry.fields = vec![path("contact.family_name")];
    let claims = vec![content.claim().clone()];
    let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
    store.disclose(disclosure).wait().unwrap()
}

/// What the request says in its first step, as it stands now.
fn asked(store: &Store, filed: &Filing) -> Option<String> {
    let snapshot = store.snapshot().unwrap();
    let filing = snapshot.filing(filed.id).unwrap().unwrap();
    let steps = snapshot.filing_steps(&filing, &[]).unwrap();
    drop(snapshot);
    let receipt = receipt(store, &filing.record_type, filing.subject, &steps);
    steps.open(&receipt).unwrap().remove(0).content?.text
}

fn name(store: &Store, filed: &Filing) -> Option<Value> {
    let snapshot = store.snapshot().unwrap();
    let content = snapshot.fields(&requesters(), filed.subject, &[path("contact.family_name")]).unwrap();
    drop(snapshot);
    let receipt = receipt(store, &requesters(), filed.subject, &content);
    content.open(&receipt).unwrap().0.into_values().next()
}

fn is_whole(store: &Store, filed: &Filing, of: &str) {
    assert_eq!((asked(store, filed).as_deref(), name(store, filed)), (Some(ASKED), Some(json!(of))));
}

fn link(store: &Store, filed: &Filing, subject: SubjectId) -> Filing {
    done(store, LinkRequest { filing: filed.id, record_type: kind(), subject }, Action::LinkRequest)
}

#[test]
fn a_request_of_a_stranger_is_rotated_linked_restored_and_drilled() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (store, spool) = (open(dir.path()), dir.path().join("spool"));
    let anne = create(&store, 1);
    let (found, other, late) = (file(&store, "Moreau"), file(&store, "Petit"), file(&store, "Durand"));
    store.capture(&spool, ALL, "coffre test").unwrap();
    begin(&store);
    let mut pass = Pass::begin(&store).unwrap().unwrap();
    pass.step(&store, 1, &|| false).unwrap();
    assert_eq!(link(&store, &found, anne).subject, anne);
    let during = file(&store, "Garnier");
    store.capture(&spool, ALL, "coffre test").unwrap();
    let epochs: Vec<u32> = store.by_epoch().unwrap().into_keys().collect();
    assert_eq!(epochs, [1, 2], "it was linked in the midst of it");
    go_through(&store);
    link(&store, &late, anne);
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&2]);
    let last = store.capture(&spool, ALL, "coffre test").unwrap().number;
    for filed in [&found, &late] {
        assert_eq!((asked(&store, filed).as_deref(), name(&store, filed)), (Some(ASKED), None));
    }
    is_whole(&store, &other, "Petit");
    is_whole(&store, &during, "Garnier");
    for number in 1..=last {
        let house = dir.path().join(format!("restored-{number}"));
        let fetched = place(&spool, &store, number, &house.join("vault"));
        finish(dir.path(), &house.join("vault"), &fetched).unwrap();
        let restored = open(&house);
        is_whole(&restored, &other, "Petit");
        assert_eq!(asked(&restored, &found).as_deref(), Some(ASKED), "of capture {number}");
        if number == 1 {
            is_whole(&restored, &found, "Moreau");
        } else {
            is_whole(&restored, &during, "Garnier");
        }
    }
    // The newest keyring knows who was found and forgotten, whatever is restored beside it.
    let house = dir.path().join("newest-keyring");
    let fetched = place_with(&spool, &store, 1, last, &house.join("vault"));
    finish(dir.path(), &house.join("vault"), &fetched).unwrap();
    let restored = open(&house);
    assert_eq!((asked(&restored, &found), name(&restored, &found)), (None, None));
    is_whole(&restored, &other, "Petit");

    let drilled = drill(&store, &spool, last, &dir.path().join("scratch")).unwrap();
    assert_eq!(drilled.slice_records, 3);
}

#[test]
fn a_restore_to_a_moment_leaves_requests_and_who_made_them_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (store, spool) = (open(dir.path()), dir.path().join("spool"));
    let anne = create(&store, 1);
    let (before, found) = (file(&store, "Moreau"), file(&store, "Petit"));
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let after = file(&store, "Durand");
    link(&store, &found, anne);
    let since = create(&store, 2);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    let restored = finish(dir.path(), &to, &fetched).unwrap();
    let set_back = RecordsSetBack { changed: 0, left_out: 1, brought_back: 0, held: 0 };
    assert_eq!(restored.set_back, Some(set_back), "a record that was made since, and no requester");
    let store = open(&dir.path().join("restored"));
    assert!(store.snapshot().unwrap().record(&kind(), since).unwrap().is_none());
    is_whole(&store, &before, "Moreau");
    is_whole(&store, &after, "Durand");
    assert_eq!((asked(&store, &found).as_deref(), name(&store, &found)), (Some(ASKED), None));
}
