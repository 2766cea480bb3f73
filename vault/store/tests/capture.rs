//! Base backups: what is captured restores to the same vault, as a new generation whose log goes on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use coffre_core::audit::{Action, Entry};
use coffre_core::spool::{
    KeyringManifest, MainManifest, Manifest, ObjectName, Ordinal, Pinned, Side, Signed, open as open_manifest,
};
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::AddDocument;
use coffre_store::{Depends, Fetched, Identity, Store, finish_restore};
use support::{create, draft, kind, make, open, read, sample};

const KEEP: NonZeroU64 = NonZeroU64::new(2).unwrap();

fn manifest<M: Manifest>(spool: &Path, store: &Store, number: u64) -> Signed<M> {
    let pinned = Pinned { scope: store.scope().clone(), key: store.verification_key().clone() };
    let number = Ordinal::new(number).unwrap();
    let name = ObjectName::Manifest { generation: store.generation(), side: M::SIDE, number };
    open_manifest(&fs::read(spool.join(name.path(store.scope()))).unwrap(), &pinned).unwrap()
}

/// Places the objects of a capture as a vault's directory, the way the backup crate does.
fn place(spool: &Path, store: &Store, number: u64, to: &Path) -> Fetched {
    let main: Signed<MainManifest> = manifest(spool, store, number);
    let keyring: Signed<KeyringManifest> = manifest(spool, store, number);
    let path = |name: &ObjectName| spool.join(name.path(store.scope()));
    fs::create_dir_all(to.join("documents")).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for needed in main.manifest.needed().into_iter().chain(keyring.manifest.needed()) {
        let file = match needed.name {
            ObjectName::Base { chain, .. } => chain.file(),
            ObjectName::Keys(_) => "keys.json",
            ObjectName::Recovery(_) => "root.recovery.age",
            _ => continue,
        };
        fs::copy(path(&needed.name), to.join(file)).unwrap();
        fs::set_permissions(to.join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let documents = spool.join(Side::Main.vault_folder(store.scope())).join("documents");
    for shard in fs::read_dir(documents).into_iter().flatten() {
        let shard = shard.unwrap();
        let folder = to.join("documents").join(shard.file_name());
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(shard.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    let key = store.verification_key().clone();
    Fetched { key, main: main.as_parent(), keyring: keyring.as_parent(), operator: Some("root".to_owned()) }
}

fn add_document(store: &Store, subject: coffre_core::ids::SubjectId, length: usize) {
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&vec![7; length]).unwrap();
    let staged = writer.finish().unwrap();
    let add = AddDocument { record_type: kind(), staged };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap();
}

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
fn the_chain_goes_on_when_the_spool_was_emptied() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let first: Signed<MainManifest> = manifest(&spool, &store, 1);
    fs::remove_dir_all(&spool).unwrap();
    assert_eq!(store.capture(&spool, KEEP, "coffre test").unwrap().number, 2);
    let second: Signed<MainManifest> = manifest(&spool, &store, 2);
    assert_eq!(second.manifest.heading().previous, Some(first.sha256));
}

#[test]
fn the_spool_holds_no_plaintext_and_no_server_key() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let mut files = vec![spool];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        seen += 1;
        let bytes = fs::read(&path).unwrap();
        for marker in ["example.fr", "Lef\u{e8}vre", "asthme", "00000001@", "AGE-SECRET-KEY"] {
            let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "{marker} in {}", path.display());
        }
    }
    assert!(seen >= 8);
}

#[test]
fn the_spool_keeps_the_newest_base_backups_and_their_manifests() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    for number in 0..4 {
        create(&store, number);
        store.capture(&spool, KEEP, "coffre test").unwrap();
    }
    let newest: Signed<MainManifest> = manifest(&spool, &store, 4);
    assert_eq!(newest.manifest.heading().retained_from, Ordinal::new(3).unwrap());
    let count = |side: Side, folder: &str| {
        let generation = spool.join(side.vault_folder(store.scope())).join(store.generation().to_string());
        fs::read_dir(generation.join(folder)).unwrap().count()
    };
    for (side, folder) in [(Side::Main, "vault"), (Side::Main, "audit"), (Side::Main, "manifests")] {
        assert_eq!(count(side, folder), 2, "{folder}");
    }
    assert_eq!((count(Side::Keyring, "keyring"), count(Side::Keyring, "manifests")), (2, 2));
    let kept: Signed<MainManifest> = manifest(&spool, &store, 3);
    for needed in kept.manifest.needed() {
        assert!(spool.join(needed.name.path(store.scope())).exists(), "{}", needed.name);
    }
}
