//! Records through the store: written, found, read, amended, restored, erased; and what stays after
//! the vault is closed and opened again.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use coffre_core::audit::{Action, Entry};
use coffre_core::grant::{Basis, GrantTerms};
use coffre_core::role::Role;
use coffre_core::search::SearchKind;
use coffre_core::source::Source;
use coffre_core::time::Timestamp;
use coffre_store::transactions::{
    AddDocument, AmendError, AmendRecord, EraseSubject, GiveGrant, ImportItem, ImportRecords, RestoreError,
    RestoreVersion, WithdrawGrant,
};
use coffre_store::{CommitError, Depends, Disclosure, HitKind, ReadError, Unavailable};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use support::{create, draft, index, kind, make, note, open, path, read, sample};

#[test]
fn a_record_is_read_as_it_was_written_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 7);
    let all = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];
    assert_eq!(read(&store, subject, &all), sample(7));
    assert_eq!(read(&store, subject, &["contact.email"]).0.len(), 1);
    let size = store.tree_head().size;
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.tree_head().size, size);
    assert_eq!(read(&store, subject, &all), sample(7));
}

#[test]
fn a_value_opens_only_with_the_receipt_of_an_entry_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let fields = [path("health.illnesses")];
    let take = || store.snapshot().unwrap().fields(&kind(), subject, &fields).unwrap();
    let (one, other) = (take(), take());
    let receipt = note(&store, subject, &fields, &one).unwrap();
    assert!(other.open(&receipt).is_err(), "the receipt of another disclosure");
    assert!(one.open(&receipt).is_ok());
    let unnamed = take();
    assert!(matches!(note(&store, subject, &[], &unnamed), Err(CommitError::NotCovered)));
}

#[test]
fn search_finds_what_is_written_alike_before_what_sounds_alike() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let snapshot = store.snapshot().unwrap();
    let name = index("contact.family_name", SearchKind::Name);
    let find = |value: &str| snapshot.find(&name, value, 10).unwrap();
    assert_eq!(find("LEFEVRE")[0].kind, HitKind::Written);
    assert_eq!(find("lefebvre")[0].kind, HitKind::Sound);
    assert_eq!(find("lefebvre")[0].subject, subject);
    assert!(find("Martin").is_empty());
    let mail = index("contact.email", SearchKind::Exact);
    assert_eq!(snapshot.find(&mail, "CLIENT1@example.fr", 10).unwrap().len(), 1);
}

#[test]
fn amending_keeps_the_former_version_which_can_be_restored() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let amend = |expected_version, field: &str, value| {
        let changes = BTreeMap::from([(path(field), value)]);
        let transaction = AmendRecord { record_type: kind(), subject, expected_version, changes };
        store.transact(transaction, draft(Action::Amend), None, Depends::default()).wait().map(|(version, _)| version)
    };
    assert_eq!(amend(1, "contact.email", Some(json!("new@example.fr"))).unwrap(), 2);
    assert!(matches!(amend(1, "contact.email", None), Err(CommitError::Refused(AmendError::Stale { current: 2 }))));
    assert_eq!(amend(2, "contact.email", Some(json!("new@example.fr"))).unwrap(), 2, "nothing changed");
    {
        let snapshot = store.snapshot().unwrap();
        let former = snapshot.fields_at(&kind(), subject, 1, &[path("contact.email")]).unwrap().unwrap();
        assert!(snapshot.fields_at(&kind(), subject, 3, &[path("contact.email")]).unwrap().is_none());
        let versions = snapshot.versions(subject).unwrap();
        assert_eq!(versions.len(), 2);
        assert_eq!(versions[1].categories.len(), 1, "only the category that changed is written again");
        let mail = index("contact.email", SearchKind::Exact);
        assert!(snapshot.find(&mail, "client1@example.fr", 10).unwrap().is_empty(), "the old address is not found");
        drop(snapshot);
        let receipt = note(&store, subject, &[path("contact.email")], &former).unwrap();
        assert_eq!(former.open(&receipt).unwrap().0[&path("contact.email")], json!("client1@example.fr"));
    }
    let fields = BTreeSet::from([path("contact.email")]);
    let restore = RestoreVersion { record_type: kind(), subject, expected_version: 2, version: 1, fields };
    let restored = store.transact(restore, draft(Action::RestoreVersion), None, Depends::default()).wait().unwrap();
    assert_eq!(restored.0, 3);
    assert_eq!(read(&store, subject, &["contact.email"]), {
        let mut fields = sample(1);
        fields.0.retain(|field, _| field.as_str() == "contact.email");
        fields
    });
}

#[test]
fn restoring_changes_nothing_but_what_was_decided_over() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let changes = [("contact.email", json!("new@example.fr")), ("health.illnesses", json!([]))];
    let changes = changes.into_iter().map(|(field, value)| (path(field), Some(value))).collect();
    let amend = AmendRecord { record_type: kind(), subject, expected_version: 1, changes };
    assert_eq!(store.transact(amend, draft(Action::Amend), None, Depends::default()).wait().unwrap().0, 2);
    let amended = read(&store, subject, &["contact.email", "health.illnesses"]);

    let restore = |fields: &[&str]| {
        let fields: BTreeSet<_> = fields.iter().map(|field| path(field)).collect();
        let restore = RestoreVersion { record_type: kind(), subject, expected_version: 2, version: 1, fields };
        store.transact(restore, draft(Action::RestoreVersion), None, Depends::default()).wait().map(|done| done.0)
    };
    let size = store.tree_head().size;
    let refused = restore(&["contact.email", "health.allergies"]).unwrap_err();
    let beyond = [path("health.illnesses")];
    assert!(
        matches!(&refused, CommitError::Refused(RestoreError::Beyond { fields }) if *fields == beyond),
        "{refused}"
    );
    assert_eq!(store.tree_head().size, size, "there is no entry of it");
    assert_eq!(read(&store, subject, &["contact.email", "health.illnesses"]), amended);
    assert_eq!(restore(&["contact.email", "health.illnesses"]).unwrap(), 3);
}

#[test]
fn documents_of_every_length_come_back_and_versions_stay() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    for length in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let content: Vec<u8> = (0..length).map(|n: u32| u8::try_from(n % 251).unwrap()).collect();
        let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
        let (some, rest) = content.split_at(content.len() / 9);
        writer.write_all(some).unwrap();
        writer.write_all(rest).unwrap();
        let staged = writer.finish().unwrap();
        let hash = coffre_core::crypto::hex(&Sha256::digest(&content));
        assert_eq!(staged.sha256(), hash, "{length} bytes");
        let add = AddDocument { record_type: kind(), staged: staged.into() };
        let base = draft(Action::UploadDocument);
        let ((document, version), _) = store.transact(add, base, None, Depends::default()).wait().unwrap();
        let reader = store.snapshot().unwrap().document(&kind(), subject, document, version).unwrap().unwrap();
        let mut entry = draft(Action::ReadDocument);
        entry.subjects = vec![subject];
        entry.document = Some(coffre_core::audit::DocumentRef { id: document, version, sha256: None });
        let claims = vec![reader.claim().clone()];
        let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
        let receipt = store.disclose(disclosure).wait().unwrap();
        let mut back = Vec::new();
        reader.open(&receipt).unwrap().read_to_end(&mut back).unwrap();
        assert!(back == content, "{length} bytes");
    }
    let staged = store.stage_document(&kind(), subject, None, "x", "text/plain").unwrap();
    drop(staged);
    assert_eq!(std::fs::read_dir(dir.path().join("vault/documents/staging")).unwrap().count(), 0);
}

#[test]
fn a_record_to_which_an_import_added_a_document_alone_comes_from_an_import_too() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let sources = || store.snapshot().unwrap().sources(subject).unwrap().list();
    let import = |documents| {
        let item = ImportItem::Change {
            subject,
            expected_version: 1,
            changes: BTreeMap::new(),
            documents,
            of_documents: BTreeSet::new(),
            brought_back: BTreeSet::new(),
            give: Vec::new(),
            withdraw: Vec::new(),
        };
        let import = ImportRecords { record_type: kind(), items: vec![item] };
        store.transact(import, draft(Action::Import), None, Depends::default()).wait().unwrap();
    };
    import(Vec::new());
    assert!(sources().is_empty(), "nothing was written");
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(b"contract").unwrap();
    import(vec![writer.finish().unwrap()]);
    assert_eq!(sources(), [Source::Import]);
}

#[test]
fn a_withdrawal_binds_every_decision_made_before_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let terms = GrantTerms {
        role: Role::Sales,
        purpose: "direct-marketing".to_owned(),
        fields: [path("contact.email")].into(),
        basis: Basis::Consent,
        article9: None,
        valid_from: Timestamp::from_micros(0),
        valid_until: None,
        evidence: None,
    };
    let give = GiveGrant { record_type: kind(), subject, terms };
    let (grant, _) = store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
    let point = store.snapshot().unwrap().access_point();
    let withdraw = WithdrawGrant { grant: grant.id };
    let (withdrawn, _) =
        store.transact(withdraw, draft(Action::WithdrawGrant), None, Depends::default()).wait().unwrap();
    assert_eq!(withdrawn.version, 2);
    let depends = Depends { access_point: point, subjects: vec![subject], ..Depends::default() };
    assert!(!store.still_holds(&depends));
    let mut entry = draft(Action::Read);
    entry.subjects = vec![subject];
    let disclosure = Disclosure { draft: entry, reason: None, claims: Vec::new(), depends: depends.clone() };
    assert!(matches!(store.disclose(disclosure).wait(), Err(CommitError::Moved)));

    // A document that was uploaded meanwhile is decided on again, and not sent again.
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(b"a contract").unwrap();
    let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
    let again = AddDocument { record_type: kind(), staged: add.staged.clone() };
    let moved = store.transact(add, draft(Action::UploadDocument), None, depends).wait();
    assert!(matches!(moved, Err(CommitError::Moved)));
    let depends = Depends { access_point: store.snapshot().unwrap().access_point(), ..Depends::default() };
    store.transact(again, draft(Action::UploadDocument), None, depends).wait().unwrap();
    assert_eq!(store.statistics().unwrap().documents, 1);
}

#[test]
fn an_erased_subject_is_absent_and_remembered_only_as_a_keyed_hash() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let (subject, other) = (create(&store, 1), create(&store, 2));
    let remember = vec![path("legacy.client_number")];
    let erase = EraseSubject { record_type: kind(), subject, remember };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    let check = |store: &coffre_store::Store| {
        let snapshot = store.snapshot().unwrap();
        assert!(snapshot.record(&kind(), subject).unwrap().is_none());
        assert!(snapshot.record(&kind(), other).unwrap().is_some());
        let number = index("legacy.client_number", SearchKind::Exact);
        assert!(snapshot.was_erased(&number, "00000001").unwrap());
        assert!(!snapshot.was_erased(&number, "00000002").unwrap());
        let name = index("contact.family_name", SearchKind::Name);
        assert_eq!(snapshot.find(&name, "Lefèvre", 10).unwrap().len(), 1);
        assert!(!snapshot.accesses(subject, None, 10).unwrap().is_empty(), "its access history stays");
    };
    check(&store);
    drop(store);
    std::fs::remove_file(dir.path().join("vault/index.db")).unwrap();
    check(&open(dir.path()));
}

#[test]
fn the_log_holds_every_act_in_order_and_its_head_covers_all() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    read(&store, subject, &["contact.email"]);
    let snapshot = store.snapshot().unwrap();
    let entries = snapshot.entries(0, 100).unwrap();
    let actions: Vec<Action> = entries.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap().what.action).collect();
    assert_eq!(actions, [Action::BeginGeneration, Action::Create, Action::Read]);
    assert_eq!(store.tree_head().size, 3);
    let leaves = entries.iter().map(|entry| coffre_core::merkle::leaf_hash(&entry.leaf));
    let root = coffre_core::merkle::root_of(leaves);
    let head = coffre_core::tlog::TreeHead::open(
        store.tree_head().note.as_bytes(),
        store.verification_key(),
        Some(store.origin()),
    );
    assert_eq!(head.unwrap().root, root);
    let about = snapshot.accesses(subject, None, 10).unwrap();
    assert_eq!(about.iter().map(|entry| entry.index).collect::<Vec<_>>(), [2, 1]);
}

/// A report or a copy of a long log takes minutes, a view at a time, and holds the keys as long.
#[test]
fn whoever_goes_through_a_vault_ends_when_it_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    create(&store, 1);
    let other = store.clone();
    assert!(other.snapshot().is_ok());
    store.seal();
    assert!(matches!(other.snapshot(), Err(ReadError::Unavailable(Unavailable::Stopping))));
}
