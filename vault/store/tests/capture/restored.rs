//! What is captured restores to the same vault; what is damaged or another's does not become one.

use std::fs;
use std::path::Path;

use coffre_core::audit::{Action, Entry};
use coffre_core::spool::{DocumentName, MainManifest, Manifest, Ordinal, Signed};
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::{Identity, ReadError, RestoreError, finish_restore};

use crate::rewound::finish;
use crate::rotated::{add, begin, content, files, go_through, stage};
use crate::support::{create, make, open, read, sample};
use crate::{KEEP, add_document, drill, manifest, place, place_with};

#[test]
fn what_is_captured_restores_to_the_same_vault() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let subjects: Vec<_> = (0..50).map(|number| create(&store, number)).collect();
    add_document(&store, subjects[3], 100_000);
    let first = store.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!((first.number, first.new_documents), (1, 1));
    let later = create(&store, 50);
    let second = store.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!((second.number, second.new_documents), (2, 0));
    create(&store, 51);

    let to = dir.path().join("restored/vault");
    let fetched = place(&spool, &store, 2, &to);
    let old = (store.generation(), store.tree_head());
    drop(store);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    let now = Timestamp::from_micros(1);
    let restored = finish_restore(&to, &recovery, &fetched, now, &mut SystemEntropy, &mut |_| ()).unwrap();
    assert_eq!((restored.records, restored.documents, restored.document_bytes), (51, 1, 100_000));

    let store = open(&dir.path().join("restored"));
    assert_ne!(store.generation(), old.0);
    let all = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];
    for (number, subject) in (0..).zip(subjects.iter().chain([&later])) {
        assert_eq!(read(&store, *subject, &all), sample(number));
    }
    let begin = &store.snapshot().unwrap().entries(second.entries, 1).unwrap()[0];
    let entry = Entry::from_leaf(&begin.leaf).unwrap();
    let parent = entry.what.parent.unwrap();
    assert_eq!((entry.what.action, parent.generation, parent.size), (Action::BeginGeneration, old.0, second.entries));

    // The new generation names its parent, and its own chain begins anew.
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let main: Signed<MainManifest> = manifest(&spool, &store, 1);
    assert_eq!(main.manifest.heading().parent.as_ref().unwrap().number, Ordinal::new(2).unwrap());
}

#[test]
fn a_damaged_or_foreign_backup_does_not_become_a_vault() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let subject = create(&store, 1);
    add_document(&store, subject, 70_000);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    let mut attempt = 0;
    let mut finish = |damage: &dyn Fn(&Path), identity: &Identity| {
        attempt += 1;
        let to = dir.path().join(format!("restored{attempt}"));
        let fetched = place(&spool, &store, 1, &to);
        damage(&to);
        let now = Timestamp::from_micros(1);
        let result = finish_restore(&to, identity, &fetched, now, &mut SystemEntropy, &mut |_| ());
        assert_eq!(result.is_ok(), to.join("root.server.age").exists(), "it opens only when all is well");
        result
    };
    assert!(finish(&|_| (), &recovery).is_ok());
    assert!(finish(&|_| (), &Identity::generate()).is_err(), "a stranger's identity");
    for file in ["vault.db", "audit.db", "keyring.db", "keys.json", "root.recovery.age"] {
        let flip = |to: &Path| {
            let mut bytes = fs::read(to.join(file)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(to.join(file), bytes).unwrap();
        };
        assert!(finish(&flip, &recovery).is_err(), "one byte of {file}");
    }
    let truncate = |to: &Path| {
        let shard =
            fs::read_dir(to.join("documents")).unwrap().map(Result::unwrap).find(|s| s.file_name() != "staging");
        let file = fs::read_dir(shard.unwrap().path()).unwrap().next().unwrap().unwrap().path();
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    };
    assert!(finish(&truncate, &recovery).is_err(), "a document that lost its last byte");
}

#[test]
fn a_keyring_that_lacks_a_key_is_damage_and_no_erasure() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let lacking = create(&store, 2);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("restored/vault");
    let fetched = place_with(&spool, &store, 2, 1, &to);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    let now = Timestamp::from_micros(1);
    let refused = finish_restore(&to, &recovery, &fetched, now, &mut SystemEntropy, &mut |_| ());
    let Err(RestoreError::Record(ReadError::KeyMissing { subject })) = refused else {
        unreachable!("{refused:?}");
    };
    assert_eq!(subject, lacking);
}

/// An object is written once at a destination: what was shipped ahead of a disaster keeps its name for itself.
#[test]
fn what_is_stored_after_a_restore_has_names_that_were_never_given() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, mut house) = (dir.path().join("spool"), dir.path().to_owned());
    let mut store = open(&house);
    let subject = create(&store, 1);
    let document = add(&store, stage(&store, subject, None, b"first"));
    let mut given = Vec::new();
    for next in ["once", "twice", "thrice"] {
        store.capture(&spool, KEEP, "coffre test").unwrap();
        add(&store, stage(&store, subject, Some(document), b"after the last backup"));
        let names = files(&house.join("vault")).into_iter().map(|name| name.parse::<DocumentName>().unwrap());
        given.extend(names.filter(|name| name.version == 2).map(|name| name.to_string()));
        house = dir.path().join(next);
        let fetched = place(&spool, &store, 1, &house.join("vault"));
        finish(dir.path(), &house.join("vault"), &fetched).unwrap();
        store = open(&house);
        assert_eq!(content(&store, subject, document, 1), b"first");
        assert!(store.snapshot().unwrap().rotation().unwrap().is_none(), "nothing has to be encrypted anew");
    }
    assert_eq!(given, ["2", "2.e2", "2.e3"].map(|version| format!("{document}-{version}")));
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    drill(&store, &spool, captured.number, &dir.path().join("scratch")).unwrap();
}

#[test]
fn a_rotation_that_was_under_way_goes_on_in_the_epoch_of_the_restore() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, house) = (dir.path().join("spool"), dir.path().join("restored"));
    let store = open(dir.path());
    let subject = create(&store, 1);
    let document = add(&store, stage(&store, subject, None, b"first"));
    begin(&store);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let fetched = place(&spool, &store, 1, &house.join("vault"));
    finish(dir.path(), &house.join("vault"), &fetched).unwrap();
    let store = open(&house);
    assert_eq!(store.data_epoch(), 3);
    // Asked for again, it is the one under way.
    assert_eq!((begin(&store).epoch, store.data_epoch()), (2, 3));
    go_through(&store);
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&3]);
    assert_eq!(content(&store, subject, document, 1), b"first");
    let captured = store.capture(&spool, KEEP, "coffre test").unwrap();
    drill(&store, &spool, captured.number, &dir.path().join("scratch")).unwrap();
}
