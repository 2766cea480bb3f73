//! Rotations of the data: what is stored says the same afterwards, and older keys open nothing of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use coffre_core::audit::{Action, DocumentRef, Entry};
use coffre_core::crypto::OpenError;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::spool::DocumentName;
use coffre_store::transactions::{AddDocument, AmendRecord, BeginRotation, PlaceHold};
use coffre_store::{AtEpoch, Depends, Disclosure, Pass, ReadError, RestoreError, Rotation, Step, Store, Waits};
use serde_json::json;

use crate::rewound::{at, finish};
use crate::support::{create, draft, kind, make, open, path, read, sample};
use crate::{KEEP, add_document, drill, erase, is_erased, place};

const ALL: [&str; 4] = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];

pub(crate) fn begin(store: &Store) -> Rotation {
    let begin = BeginRotation { epoch: store.announce_epoch().unwrap(), rate: None };
    store.transact(begin, draft(Action::RotateData), None, Depends::default()).wait().unwrap().0
}

fn pass(store: &Store) -> Pass {
    Pass::begin(store).unwrap().unwrap()
}

/// Takes steps until the end; gives how many.
pub(crate) fn go_through(store: &Store) -> usize {
    let mut pass = pass(store);
    for steps in 1..1_000 {
        match pass.step(store, 2, &|| false).unwrap() {
            Step::Went(_) => {}
            Step::Finished => return steps,
            Step::Waits(for_what) => unreachable!("waits for {for_what:?}"),
        }
    }
    unreachable!("it never ends")
}

fn amend(store: &Store, subject: SubjectId, version: u32, email: &str) {
    let changes = BTreeMap::from([(path("contact.email"), Some(json!(email)))]);
    let amend = AmendRecord { record_type: kind(), subject, expected_version: version, changes };
    let reason = Some("au guichet".to_owned());
    store.transact(amend, draft(Action::Amend), reason, Depends::default()).wait().unwrap();
}

/// A document's content, read the way a caller must.
pub(crate) fn content(store: &Store, subject: SubjectId, document: DocumentId, version: u32) -> Vec<u8> {
    let sealed = store.snapshot().unwrap().document(&kind(), subject, document, version).unwrap().unwrap();
    let mut entry = draft(Action::ReadDocument);
    entry.record_type = Some(kind());
    entry.subjects = vec![subject];
    entry.document = Some(DocumentRef { id: document, version, sha256: None });
    let claims = vec![sealed.claim().clone()];
    let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
    let receipt = store.disclose(disclosure).wait().unwrap();
    let mut bytes = Vec::new();
    sealed.open(&receipt).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn stage(
    store: &Store,
    subject: SubjectId,
    replaces: Option<DocumentId>,
    bytes: &[u8],
) -> coffre_store::StagedDocument {
    let mut writer = store.stage_document(&kind(), subject, replaces, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn add(store: &Store, staged: coffre_store::StagedDocument) -> DocumentId {
    let add = AddDocument { record_type: kind(), staged: staged.into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap().0.0
}

/// The names of all document files, those in staging included.
pub(crate) fn files(vault: &Path) -> Vec<String> {
    let shards = fs::read_dir(vault.join("documents")).unwrap().map(|shard| shard.unwrap().path());
    let mut names: Vec<String> = shards
        .flat_map(|shard: PathBuf| fs::read_dir(shard).unwrap())
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Whether document files are all of an epoch after the first.
fn are_all_of(epoch: u32, files: &[String]) -> bool {
    let of = |name: &String| name.parse::<DocumentName>().unwrap().epoch;
    files.iter().all(|name| of(name) == epoch)
}

fn entries(store: &Store) -> Vec<Entry> {
    let logged = store.snapshot().unwrap().entries(0, 10_000).unwrap();
    logged.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap()).collect()
}

/// A vault with a record of two versions, a hold, a reason, and a document of two versions; and another record.
struct Filled {
    store: Store,
    rich: SubjectId,
    poor: SubjectId,
    document: DocumentId,
}

fn filled(dir: &Path) -> Filled {
    make(dir);
    let store = open(dir);
    let (rich, poor) = (create(&store, 1), create(&store, 2));
    amend(&store, rich, 1, "other@example.fr");
    let hold = PlaceHold { record_type: kind(), subject: rich, reason: "litige".to_owned() };
    store.transact(hold, draft(Action::PlaceHold), None, Depends::default()).wait().unwrap();
    let document = add(&store, stage(&store, rich, None, &vec![7; 100_000]));
    add(&store, stage(&store, rich, Some(document), b"second"));
    Filled { store, rich, poor, document }
}

impl Filled {
    fn says_the_same(&self, store: &Store) {
        let mut newest = sample(1);
        newest.0.insert(path("contact.email"), json!("other@example.fr"));
        assert_eq!(read(store, self.rich, &ALL), newest);
        assert_eq!(read(store, self.poor, &ALL), sample(2));
        assert_eq!(content(store, self.rich, self.document, 1), vec![7; 100_000]);
        assert_eq!(content(store, self.rich, self.document, 2), b"second");
        let snapshot = store.snapshot().unwrap();
        let former = snapshot.fields_at(&kind(), self.rich, 1, &[path("contact.email")]).unwrap().unwrap();
        drop(snapshot);
        let mut entry = draft(Action::ReadVersions);
        entry.record_type = Some(kind());
        entry.subjects = vec![self.rich];
        entry.fields = vec![path("contact.email")];
        let claims = vec![former.claim().clone()];
        let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
        let receipt = store.disclose(disclosure).wait().unwrap();
        assert_eq!(former.open(&receipt).unwrap().0[&path("contact.email")], json!("client1@example.fr"));
    }

    /// What the hold and the reason of the change say.
    fn notes(&self, store: &Store) -> Vec<String> {
        let amended = entries(store).iter().position(|entry| entry.what.action == Action::Amend).unwrap();
        let reason = store.snapshot().unwrap().reason(amended as u64).unwrap().unwrap();
        let holds = store.snapshot().unwrap().holds(&kind(), self.rich).unwrap();
        let mut entry = draft(Action::ListHolds);
        entry.record_type = Some(kind());
        entry.subjects = vec![self.rich];
        let claims = vec![holds.claim().clone()];
        let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
        let receipt = store.disclose(disclosure).wait().unwrap();
        let holds = holds.open(&receipt).unwrap();
        holds.into_iter().map(|hold| hold.reason).chain([reason]).collect()
    }
}

#[test]
fn everything_is_of_the_new_epoch_and_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let vault = filled(dir.path());
    let store = &vault.store;
    let at_first = store.by_epoch().unwrap();
    assert_eq!(at_first.keys().collect::<Vec<_>>(), [&1]);
    let before = files(&dir.path().join("vault"));
    let (state, versions) = {
        let snapshot = store.snapshot().unwrap();
        (snapshot.record(&kind(), vault.rich).unwrap(), snapshot.versions(vault.rich).unwrap())
    };
    let begun = begin(store);
    assert_eq!((begun.epoch, begun.finished, store.data_epoch()), (2, None, 2));
    // What is written from here on is of the new epoch, before anything else is.
    let third = create(store, 3);
    assert_eq!(store.by_epoch().unwrap()[&2], AtEpoch { values: 3, documents: 0, notes: 0 });
    go_through(store);
    let counted = store.by_epoch().unwrap();
    let values = at_first[&1].values + 3;
    assert_eq!(counted, BTreeMap::from([(2, AtEpoch { values, ..at_first[&1] })]));
    vault.says_the_same(store);
    assert_eq!(read(store, third, &ALL), sample(3));
    assert_eq!(vault.notes(store), ["litige", "au guichet"]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.record(&kind(), vault.rich).unwrap(), state, "no version and no clock moved");
    assert_eq!(snapshot.versions(vault.rich).unwrap(), versions);
    assert!(snapshot.rotation().unwrap().unwrap().finished.is_some());
    drop(snapshot);
    let after = files(&dir.path().join("vault"));
    assert_eq!(after, before.iter().map(|name| format!("{name}.e2")).collect::<Vec<_>>());
    assert!(Pass::begin(store).unwrap().is_none(), "there is nothing left");
    let log = entries(store);
    let of = |action| log.iter().filter(|entry| entry.what.action == action).collect::<Vec<_>>();
    assert_eq!((of(Action::RotateData).len(), of(Action::FinishRotation).len()), (1, 1));
    let reencrypted = of(Action::Reencrypt);
    let values: usize = reencrypted.iter().map(|entry| entry.what.values.len()).sum();
    let documents = reencrypted.iter().filter(|entry| entry.what.document.is_some()).count();
    assert_eq!((values as u64, documents as u64), (at_first[&1].values, at_first[&1].documents));
    assert!(reencrypted.iter().all(|entry| entry.what.target.as_deref() == Some("2")));
    assert!(reencrypted.iter().all(|entry| entry.what.request == begun.request && entry.what.fields.is_empty()));

    // A further one, over what was rotated.
    assert_eq!(begin(store).epoch, 3);
    go_through(store);
    vault.says_the_same(store);
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&3]);
    assert!(are_all_of(3, &files(&dir.path().join("vault"))));
}

#[test]
fn it_goes_on_wherever_the_process_ended() {
    let dir = tempfile::tempdir().unwrap();
    let Filled { mut store, rich, poor, document } = filled(dir.path());
    begin(&store);
    let mut steps = 0;
    loop {
        assert!(steps < 50, "it never ends");
        steps += 1;
        let mut pass = pass(&store);
        // As many as this process comes to, then it ends.
        let ended = (0..steps).any(|_| pass.step(&store, 1, &|| false).unwrap() == Step::Finished);
        store.close();
        drop(store);
        store = open(dir.path());
        assert_eq!(store.data_epoch(), 2);
        if ended {
            break;
        }
    }
    assert!(steps > 2, "{steps}");
    let vault = Filled { store: store.clone(), rich, poor, document };
    vault.says_the_same(&store);
    assert_eq!(vault.notes(&store), ["litige", "au guichet"]);
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&2]);
    let files = files(&dir.path().join("vault"));
    assert!(files.len() == 2 && are_all_of(2, &files), "{files:?}");
}

#[test]
fn backups_from_before_within_and_after_it_restore_and_older_keys_open_nothing_newer() {
    let dir = tempfile::tempdir().unwrap();
    let vault = filled(dir.path());
    let (store, spool) = (&vault.store, dir.path().join("spool"));
    let keep = std::num::NonZeroU64::new(9).unwrap();
    let capture = || store.capture(&spool, keep, "coffre test").unwrap().number;
    capture();
    begin(store);
    let mut within = pass(store);
    for _ in 0..3 {
        within.step(store, 1, &|| false).unwrap();
    }
    capture();
    let epochs = store.by_epoch().unwrap();
    assert!(epochs.contains_key(&1) && epochs.contains_key(&2), "{epochs:?}");
    go_through(store);
    let late = create(store, 4);
    let last = capture();
    for number in 1..=last {
        let to = dir.path().join(format!("restored-{number}/vault"));
        let fetched = place(&spool, store, number, &to);
        finish(dir.path(), &to, &fetched).unwrap();
        let restored = open(&dir.path().join(format!("restored-{number}")));
        vault.says_the_same(&restored);
        assert_eq!(vault.notes(&restored), ["litige", "au guichet"]);
        if let Some(mut pass) = Pass::begin(&restored).unwrap() {
            assert_eq!(number, 2, "only what was captured within it has something left to do");
            while pass.step(&restored, 1, &|| false).unwrap() != Step::Finished {}
            assert!(!restored.by_epoch().unwrap().contains_key(&1));
        }
        assert_eq!(restored.snapshot().unwrap().record(&kind(), late).unwrap().is_some(), number == last);
    }
    // The newest databases with the keys of before.
    let to = dir.path().join("older-keys/vault");
    let older = dir.path().join("older/vault");
    let fetched = place(&spool, store, last, &to);
    place(&spool, store, 1, &older);
    fs::copy(older.join("keys.json"), to.join("keys.json")).unwrap();
    let refused = finish(dir.path(), &to, &fetched).unwrap_err();
    let unknown = OpenError::Epoch { epoch: 2, newest: 1 };
    assert!(
        matches!(&refused, RestoreError::Record(ReadError::Value { source, .. }) if *source == unknown),
        "{refused:?}"
    );

    let drilled = drill(store, &spool, last, &dir.path().join("scratch")).unwrap();
    assert_eq!((drilled.slice_records, drilled.documents), (3, 2));
}

#[test]
fn a_restore_to_a_moment_before_it_leaves_something_to_do_and_does_it() {
    let dir = tempfile::tempdir().unwrap();
    let vault = filled(dir.path());
    let (store, spool) = (&vault.store, dir.path().join("spool"));
    store.capture(&spool, KEEP, "coffre test").unwrap();
    amend(store, vault.poor, 1, "wrong@example.fr");
    begin(store);
    go_through(store);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let placed = place(&spool, store, 2, &to);
    let fetched = at(&spool, store, 1, &to, placed);
    assert_eq!(files(&to).len(), 4, "both of each");
    finish(dir.path(), &to, &fetched).unwrap();
    let restored = open(&dir.path().join("restored"));
    vault.says_the_same(&restored);
    assert_eq!(files(&to).len(), 2, "those of the moment went");
    let captured = |spool: &str| {
        let spool = dir.path().join(spool);
        let number = restored.capture(&spool, KEEP, "coffre test").unwrap().number;
        drill(&restored, &spool, number, &spool.join("scratch")).unwrap()
    };
    let drilled = captured("first");
    assert!(restored.by_epoch().unwrap()[&1].values > 0);
    go_through(&restored);
    assert!(!restored.by_epoch().unwrap().contains_key(&1));
    vault.says_the_same(&restored);
    assert_eq!(captured("second").values, drilled.values);
}

#[test]
fn whoever_is_erased_meanwhile_stays_erased_with_all_files() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let [before, between, after] = [1, 2, 3].map(|number| create(&store, number));
    for subject in [before, between, after] {
        add_document(&store, subject, 70_000);
    }
    begin(&store);
    let mut pass = pass(&store);
    pass.step(&store, 1, &|| false).unwrap();
    // Found by the pass already, whatever the order of their identifiers.
    erase(&store, between);
    while !matches!(pass.step(&store, 1, &|| false).unwrap(), Step::Finished) {}
    erase(&store, after);
    is_erased(&store, between, 2);
    is_erased(&store, after, 3);
    let files = files(&dir.path().join("vault"));
    assert!(files.len() == 1 && are_all_of(2, &files), "{files:?}");
    assert_eq!(read(&store, before, &ALL), sample(1));
    store.close();
    drop(store);
    let store = open(dir.path());
    is_erased(&store, between, 2);
    let spool = dir.path().join("spool");
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    drill(&store, &spool, captured.number, &dir.path().join("scratch")).unwrap();
}

#[test]
fn a_document_whose_upload_began_before_it_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let staged = stage(&store, subject, None, b"begun before");
    begin(&store);
    let mut pass = pass(&store);
    let until_it_waits = |pass: &mut Pass| loop {
        match pass.step(&store, 1, &|| false).unwrap() {
            Step::Went(_) => {}
            other => return other,
        }
    };
    assert_eq!(until_it_waits(&mut pass), Step::Waits(Waits::Uploads));
    let document = add(&store, staged);
    assert_eq!(store.by_epoch().unwrap()[&1].documents, 1);
    assert_eq!(until_it_waits(&mut pass), Step::Finished);
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(content(&store, subject, document, 1), b"begun before");
}

#[test]
fn what_does_not_open_keeps_it_from_its_end_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let vault = filled(dir.path());
    let documents = dir.path().join("vault/documents");
    let name = files(&dir.path().join("vault")).remove(0);
    let file = documents.join(&name[..2]).join(&name);
    let sound = fs::read(&file).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&file, damaged).unwrap();
    begin(&vault.store);
    let mut first = pass(&vault.store);
    let end = loop {
        match first.step(&vault.store, 1, &|| false).unwrap() {
            Step::Went(_) => {}
            other => break other,
        }
    };
    assert_eq!(end, Step::Waits(Waits::Damaged(1)));
    let left = vault.store.by_epoch().unwrap()[&1];
    assert_eq!((left.values, left.documents, left.notes), (0, 1, 0), "everything else is done");
    assert!(file.exists(), "and it stays, to be put right");
    fs::write(&file, sound).unwrap();
    go_through(&vault.store);
    vault.says_the_same(&vault.store);
}
