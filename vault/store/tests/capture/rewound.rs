//! A restore to a moment sets records back and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use coffre_core::audit::{Action, Draft, Entry, Standing};
use coffre_core::filing::{Channel, FilingContent, FilingKind, FilingTerms, IdentityCheck};
use coffre_core::ids::{ApplicationId, SubjectId};
use coffre_core::restriction::Ground;
use coffre_core::role::Role;
use coffre_core::source::Source;
use coffre_core::spool::{Chain, MainManifest, Manifest, ObjectName, Signed};
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{
    AddApplication, AmendError, AmendRecord, CreateRecord, Facts, FileRequest, GiveGrant, NewToken, Object, Once,
    PlaceHold, Proof, Restricting, RetainRecord, RevokeApplication, SetRestriction, Transaction, Wanted, WithdrawGrant,
};
use coffre_store::{
    CommitError, Depends, Fetched, Identity, MOMENT, Moment, RecordsSetBack, RepeatKey, RestoreError, Restored, Store,
    finish_restore,
};
use serde_json::json;

use crate::grants::consent;
use crate::rotated::{begin, go_through};
use crate::support::{create, draft, kind, make, open, path, read, sample};
use crate::{KEEP, add_document, document_files, drill, erase, is_erased, manifest, place};

fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
    store.transact(transaction, draft(action), None, Depends::default()).wait().unwrap().0
}

fn amend(store: &Store, subject: SubjectId, version: u32, email: &str) -> Result<u32, String> {
    let changes = BTreeMap::from([(path("contact.email"), Some(json!(email)))]);
    let amend = AmendRecord { record_type: kind(), subject, expected_version: version, changes };
    let amended = store.transact(amend, draft(Action::Amend), None, Depends::default()).wait();
    amended.map(|(version, _)| version).map_err(|error| match error {
        CommitError::Refused(AmendError::Stale { current }) => format!("stale, at {current}"),
        other => other.to_string(),
    })
}

fn restrict(subject: SubjectId, ground: Ground) -> SetRestriction {
    SetRestriction { record_type: kind(), subject, act: Restricting::Restrict(ground) }
}

/// Puts `vault.db` of an earlier capture beside what was placed, as the moment to set records back to.
pub(crate) fn at(spool: &Path, store: &Store, number: u64, to: &Path, fetched: Fetched) -> Fetched {
    let main: Signed<MainManifest> = manifest(spool, store, number);
    let is_vault = |name: &ObjectName| matches!(name, ObjectName::Base { chain: Chain::Vault, .. });
    let base = main.manifest.needed().into_iter().map(|needed| needed.name).find(is_vault).unwrap();
    fs::copy(spool.join(base.path(store.scope())), to.join(MOMENT)).unwrap();
    let (generation, time) = (main.manifest.heading().generation, main.manifest.heading().time);
    Fetched { moment: Some(Moment { generation, time, audit_head: main.manifest.audit_head }), ..fetched }
}

pub(crate) fn finish(dir: &Path, to: &Path, fetched: &Fetched) -> Result<Restored, RestoreError> {
    let recovery = Identity::read(&dir.join("recovery.identity")).unwrap();
    finish_restore(to, &recovery, fetched, Timestamp::from_micros(1), &mut SystemEntropy, &mut |_| ())
}

fn email(store: &Store, subject: SubjectId) -> serde_json::Value {
    read(store, subject, &["contact.email"]).0.values().next().cloned().unwrap_or_default()
}

#[test]
fn records_are_as_they_were_and_everything_else_is_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let [changed, same, held, gone, restricted] = [1, 2, 3, 4, 5].map(|number| create(&store, number));
    add_document(&store, gone, 90_000);
    let give = |subject| GiveGrant { record_type: kind(), subject, terms: consent(None) };
    let withdrawn = done(&store, give(changed), Action::GiveGrant);
    let proof = Proof::Token(NewToken { hash: [7; 32], valid_seconds: None });
    let add = AddApplication { name: "desk".to_owned(), role: Role::Sales, proof };
    done(&store, add, Action::AddApplication);
    store.capture(&spool, KEEP, "coffre test").unwrap();

    assert_eq!(amend(&store, changed, 1, "wrong@example.fr"), Ok(2));
    assert_eq!(amend(&store, changed, 2, "wrong-again@example.fr"), Ok(3));
    done(&store, PlaceHold { record_type: kind(), subject: held, reason: "litige".to_owned() }, Action::PlaceHold);
    assert_eq!(amend(&store, held, 1, "held@example.fr"), Ok(2));
    done(&store, WithdrawGrant { grant: withdrawn.id }, Action::WithdrawGrant);
    done(&store, restrict(restricted, Ground::Claims), Action::Restrict);
    let object = Object { record_type: kind(), subject: held, purpose: "direct-marketing".to_owned() };
    done(&store, object, Action::Object);
    done(&store, RevokeApplication { name: "desk".to_owned() }, Action::RevokeApplication);
    let document = add_document(&store, same, 70_000);
    let key = RepeatKey { application: ApplicationId::from_bytes([1; 16]), key: "k".to_owned(), request: [1; 32] };
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(6) };
    let made = done(&store, Once { key: key.clone(), transaction }, Action::Create);
    add_document(&store, made, 60_000);
    erase(&store, gone);
    let second = store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    assert_eq!(document_files(&to), 3);

    let restored = finish(dir.path(), &to, &fetched).unwrap();
    let set_back = RecordsSetBack { changed: 1, left_out: 1, brought_back: 0, held: 1 };
    assert_eq!((restored.records, restored.set_back, restored.erased), (4, Some(set_back), 1));
    assert!(!to.join(MOMENT).exists(), "it goes with the restore");
    let store = open(&dir.path().join("restored"));
    assert_eq!(email(&store, changed), "client1@example.fr");
    assert_eq!(email(&store, held), "held@example.fr", "a hold keeps it as it is");
    assert_eq!(read(&store, same, &["contact.email", "health.illnesses"]).0.len(), 2);
    is_erased(&store, gone, 4);
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.record(&kind(), made).unwrap().is_none(), "it was made since");
    assert_eq!(snapshot.known(&key, store.now()).unwrap(), None, "it is not there: who asks again must get it");
    assert!(snapshot.record(&kind(), restricted).unwrap().unwrap().restricted);
    assert_eq!(snapshot.restriction(restricted).unwrap().grounds(), [Ground::Claims]);
    assert_eq!(snapshot.objections(held).unwrap().len(), 1, "an objection is the newest there is");
    assert!(snapshot.grants(changed).unwrap()[0].withdrawn_at.is_some());
    assert!(snapshot.application_by_token(&[7; 32]).unwrap().is_none(), "it is revoked");
    assert_eq!(snapshot.document_version(same, document).unwrap(), Some(1), "documents are the newest");
    drop(snapshot);
    assert_eq!(document_files(&to), 1, "of the erased and of those left out");

    // What was read before cannot be written over what stands now.
    assert_eq!(amend(&store, changed, 3, "late@example.fr"), Err("stale, at 4".to_owned()));
    assert_eq!(amend(&store, changed, 4, "right@example.fr"), Ok(5));
    told(&store, second.entries, &fetched, changed, made);

    // A drill compares what is stored with the log, and knows what was set back.
    let spool = dir.path().join("spool-of-the-restored");
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    let drilled = drill(&store, &spool, captured.number, &dir.path().join("scratch")).unwrap();
    assert_eq!((drilled.entries, drilled.documents, drilled.slice_records), (captured.entries, 1, 4));
}

/// Retention had set it apart and has removed it since: it is back, and not in daily use.
#[test]
fn what_was_set_apart_at_the_moment_is_apart_again() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (store, spool) = (open(dir.path()), dir.path().join("spool"));
    let subject = create(&store, 1);
    let retain = |health: Wanted| RetainRecord {
        record_type: kind(),
        subject,
        rules: Box::new(move |_: &Facts<'_>| {
            vec![("contact".parse().unwrap(), Wanted::InUse), ("health".parse().unwrap(), health)]
        }),
        remember: Vec::new(),
        of_documents: BTreeSet::new(),
    };
    done(&store, retain(Wanted::Apart), Action::Archive);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let gone = done(&store, retain(Wanted::Gone), Action::Archive);
    assert_eq!((gone.removed.len(), gone.brought_back.len()), (1, 0), "it goes from where it is");
    assert_eq!(amend(&store, subject, 1, "later@example.fr"), Ok(2));
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let store = open(&dir.path().join("restored"));
    assert_eq!(read(&store, subject, &["health.illnesses"]).0.len(), 1);
    let state = store.snapshot().unwrap().record(&kind(), subject).unwrap().unwrap();
    assert_eq!(state.archived, ["health".parse().unwrap()].into());
}

/// The log is the newest, and goes on with what was done.
fn told(store: &Store, size: u64, fetched: &Fetched, changed: SubjectId, made: SubjectId) {
    let logged = store.snapshot().unwrap().entries(0, 1_000).unwrap();
    let entries: Vec<Entry> = logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect();
    let of = |action| entries.iter().filter(|entry| entry.what.action == action).count();
    assert_eq!((of(Action::WithdrawGrant), of(Action::Erase), of(Action::Restrict)), (1, 1, 1));
    let begin = &entries[usize::try_from(size).unwrap()].what;
    let (parent, to) = (begin.parent.as_ref().unwrap(), begin.rewound.as_ref().unwrap());
    assert_eq!((begin.action, parent.size), (Action::BeginGeneration, size));
    assert_eq!(begin.operator.as_deref(), Some("root"));
    assert_eq!(to.time, fetched.moment.as_ref().unwrap().time);
    assert!(to.size > 0 && to.size < size, "{to:?}");
    let set_back: Vec<_> = entries.iter().filter(|entry| entry.what.action == Action::Rewind).collect();
    let causes = set_back.iter().map(|entry| (entry.what.cause.as_deref().unwrap(), entry.what.subjects.as_slice()));
    let expected = [("changed-after-this-moment", &[changed][..]), ("created-after-this-moment", &[made][..])];
    assert_eq!(causes.collect::<Vec<_>>(), expected);
    // Whoever compares values with the log learns from it which of them stand.
    let mut standing = Standing::default();
    (0..).zip(&entries).for_each(|(index, entry)| standing.note(index, entry));
    let is_gone = |index, entry: &Entry| {
        entry.what.values.iter().all(|value| standing.value_is_gone(index, entry.what.subjects[0], value))
    };
    let writes = (0..).zip(&entries).filter(|(_, entry)| !entry.what.values.is_empty());
    let left = writes.filter(|(index, entry)| !is_gone(*index, entry));
    let versions: Vec<u32> =
        left.filter(|(_, e)| e.what.subjects == [changed]).filter_map(|(_, e)| e.what.version).collect();
    assert_eq!(versions, [1, 5], "2 and 3 were taken back");
    let mut of_made = (0..).zip(&entries).filter(|(_, e)| e.what.subjects == [made] && !e.what.values.is_empty());
    assert!(of_made.any(|(i, e)| is_gone(i, e)));
}

/// Documents are not set back: one that was encrypted anew since stays so, and one that was added since stays.
#[test]
fn a_drill_knows_the_documents_of_a_record_that_was_set_back() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (store, spool) = (open(dir.path()), dir.path().join("spool"));
    let subject = create(&store, 1);
    add_document(&store, subject, 70_000);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!(amend(&store, subject, 1, "wrong@example.fr"), Ok(2));
    add_document(&store, subject, 60_000);
    begin(&store);
    go_through(&store);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let restored = open(&dir.path().join("restored"));
    let spool = dir.path().join("spool-of-the-restored");
    let captured = restored.capture(&spool, KEEP, "coffre test").unwrap();
    let drilled = drill(&restored, &spool, captured.number, &dir.path().join("scratch")).unwrap();
    assert_eq!((drilled.values, drilled.documents), (3, 2));
}

#[test]
fn what_a_restore_left_out_can_be_had_back_with_its_documents() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let capture = || store.capture(&spool, std::num::NonZeroU64::new(9).unwrap(), "coffre test").unwrap();
    create(&store, 1);
    capture();
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(2) };
    let by_legal = Draft { role: Some(Role::Legal), ..draft(Action::Create) };
    let made = store.transact(transaction, by_legal, None, Depends::default()).wait().unwrap().0;
    add_document(&store, made, 60_000);
    capture();
    assert_eq!(amend(&store, made, 1, "later@example.fr"), Ok(2));
    capture();
    let to = dir.path().join("without/vault");
    let placed = place(&spool, &store, 3, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    let later = dir.path().join("again/vault");
    let older = manifest::<MainManifest>(&spool, &store, 2);
    let vault = place(&spool, &store, 2, &dir.path().join("older/vault"));
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();

    let store = open(&dir.path().join("without"));
    assert!(store.snapshot().unwrap().record(&kind(), made).unwrap().is_none());
    let second = dir.path().join("second");
    store.capture(&second, KEEP, "coffre test").unwrap();
    let placed = place(&second, &store, 1, &later);
    drop(store);
    fs::copy(dir.path().join("older/vault/vault.db"), later.join(MOMENT)).unwrap();
    assert_eq!(
        std::process::Command::new("cp")
            .arg("-a")
            .arg(dir.path().join("older/vault/documents/."))
            .arg(later.join("documents"))
            .status()
            .unwrap()
            .code(),
        Some(0)
    );
    let heading = older.manifest.heading();
    let moment = Moment {
        generation: heading.generation,
        time: heading.time,
        audit_head: vault.main.audit_head.clone().unwrap(),
    };
    let restored = finish(dir.path(), &later, &Fetched { moment: Some(moment), ..placed }).unwrap();
    let set_back = RecordsSetBack { changed: 0, left_out: 0, brought_back: 1, held: 0 };
    assert_eq!((restored.set_back, restored.records, restored.documents), (Some(set_back), 2, 1));
    let store = open(&dir.path().join("again"));
    assert_eq!(email(&store, made), "client2@example.fr");
    let late = amend(&store, made, 2, "late@example.fr");
    assert_eq!(late, Err("stale, at 3".to_owned()), "what was read before it was left out is not written over it");
    let sources = store.snapshot().unwrap().sources(made).unwrap();
    assert_eq!(sources.list(), [Source::Service(Role::Legal)], "where its data come from is not lost on the way");
    create(&store, 3);
}

/// The next import would bring them again as somebody who has neither objected nor withdrawn anything.
#[test]
fn whoever_exercised_a_right_is_not_left_out() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (store, spool) = (open(dir.path()), dir.path().join("spool"));
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let [restricted, objects, withdrew, asks, silent] = [2, 3, 4, 5, 6].map(|number| create(&store, number));
    done(&store, restrict(restricted, Ground::Accuracy), Action::Restrict);
    let object = Object { record_type: kind(), subject: objects, purpose: "direct-marketing".to_owned() };
    done(&store, object, Action::Object);
    let give = |subject| GiveGrant { record_type: kind(), subject, terms: consent(None) };
    done(&store, give(silent), Action::GiveGrant);
    let given = done(&store, give(withdrew), Action::GiveGrant);
    done(&store, WithdrawGrant { grant: given.id }, Action::WithdrawGrant);
    let terms = FilingTerms {
        record_type: kind(),
        subject: asks,
        kind: FilingKind::Access,
        channel: Channel::Letter,
        identity: IdentityCheck::InPerson,
        received_on: "2026-01-05".parse().unwrap(),
    };
    let (filer, content) = (ApplicationId::from_bytes([9; 16]), FilingContent::default());
    done(&store, FileRequest { terms, filer, filer_role: Role::Legal, content }, Action::FileRequest);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, &store, 2, &to);
    let fetched = at(&spool, &store, 1, &to, placed);
    drop(store);
    let restored = finish(dir.path(), &to, &fetched).unwrap();
    let set_back = RecordsSetBack { changed: 0, left_out: 1, brought_back: 0, held: 4 };
    assert_eq!((restored.set_back, restored.records), (Some(set_back), 5));
    let store = open(&dir.path().join("restored"));
    for stays in [restricted, objects, withdrew, asks] {
        assert_eq!(read(&store, stays, &["contact.email"]).0.len(), 1);
    }
    assert!(store.snapshot().unwrap().record(&kind(), silent).unwrap().is_none());
    assert!(store.snapshot().unwrap().restriction(restricted).unwrap().is_on());
}

#[test]
fn a_moment_of_another_history_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("branch/vault");
    let branch = place(&spool, &store, 1, &to);
    finish(dir.path(), &to, &branch).unwrap();
    create(&store, 2);
    let main = dir.path().join("restored/vault");
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let placed = place(&spool, &store, 2, &main);
    drop(store);
    let store = open(&dir.path().join("branch"));
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(9) };
    done(&store, transaction, Action::Create);
    let other = dir.path().join("other");
    store.capture(&other, KEEP, "coffre test").unwrap();
    let fetched = at(&other, &store, 1, &main, placed);
    let refused = finish(dir.path(), &main, &fetched);
    assert!(matches!(refused, Err(RestoreError::OtherHistory { .. })), "{refused:?}");
    assert!(!main.join("root.server.age").exists());
}

#[test]
fn a_part_of_the_log_that_is_given_up_is_told_by_the_log() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let fetched = Fetched { lost: Some("audit 3 to 5".to_owned()), ..place(&spool, &store, 1, &to) };
    drop(store);
    finish(dir.path(), &to, &fetched).unwrap();
    let store = open(&dir.path().join("restored"));
    let logged = store.snapshot().unwrap().entries(captured.entries, 1).unwrap();
    let begin = Entry::from_leaf(&logged[0].leaf).unwrap().what;
    assert_eq!((begin.cause.as_deref(), begin.target.as_deref()), (Some("accepted-lost-log"), Some("audit 3 to 5")));
}
