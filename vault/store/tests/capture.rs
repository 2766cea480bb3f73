//! Base backups: what is captured restores to the same vault, as a new generation whose log goes on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "support/grants.rs"]
mod grants;
#[path = "capture/pruned.rs"]
mod pruned;
#[path = "capture/rewound.rs"]
mod rewound;
#[path = "capture/rotated.rs"]
mod rotated;
#[path = "capture/strangers.rs"]
mod strangers;
mod support;

use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use coffre_core::audit::{Action, Entry};
use coffre_core::drill::Slice;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::search::SearchKind;
use coffre_core::spool::{
    KeyringManifest, MainManifest, Manifest, ObjectName, Ordinal, Pinned, Side, Signed, open as open_manifest,
};
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::{AddDocument, EraseSubject, GiveGrant};
use coffre_store::{
    CaptureError, Depends, DrillError, Drilled, Fetched, Identity, ReadError, RestoreError, Store, finish_restore,
};
use grants::consent;
use support::{create, draft, index, kind, make, open, path, read, sample};

const KEEP: NonZeroU64 = NonZeroU64::new(2).unwrap();

fn manifest<M: Manifest>(spool: &Path, store: &Store, number: u64) -> Signed<M> {
    let pinned = Pinned { scope: store.scope().clone(), key: store.verification_key().clone() };
    let number = Ordinal::new(number).unwrap();
    let name = ObjectName::Manifest { generation: store.generation(), side: M::SIDE, number };
    open_manifest(&fs::read(spool.join(name.path(store.scope()))).unwrap(), &pinned).unwrap()
}

/// Places the objects of a capture as a vault's directory, the way the backup crate does.
fn place(spool: &Path, store: &Store, number: u64, to: &Path) -> Fetched {
    place_with(spool, store, number, number, to)
}

/// The same with the keyring of another capture.
fn place_with(spool: &Path, store: &Store, number: u64, keyring: u64, to: &Path) -> Fetched {
    let main: Signed<MainManifest> = manifest(spool, store, number);
    let keyring: Signed<KeyringManifest> = manifest(spool, store, keyring);
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
    let (main, keyring, operator) = (main.as_parent(), keyring.as_parent(), Some("root".to_owned()));
    Fetched { key, main, keyring, moment: None, lost: None, operator }
}

fn add_document(store: &Store, subject: SubjectId, length: usize) -> DocumentId {
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&vec![7; length]).unwrap();
    let staged = writer.finish().unwrap();
    let add = AddDocument { record_type: kind(), staged: staged.into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap().0.0
}

/// A restored backup, opened beside the vault that it is of.
fn drill(store: &Store, spool: &Path, number: u64, to: &Path) -> Result<Drilled, DrillError> {
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
    let to = dir.path().join("fork/vault");
    let fetched = place(&spool, &store, 2, &to);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    finish_restore(&to, &recovery, &fetched, store.now(), &mut SystemEntropy, &mut |_| ()).unwrap();
    let fork = open(&dir.path().join("fork"));
    create(&fork, 3);
    fork.capture(&dir.path().join("fork-spool"), KEEP, "coffre test").unwrap();
    for number in 4..9 {
        create(&store, number);
    }
    let to = dir.path().join("forked");
    let fetched = place(&dir.path().join("fork-spool"), &fork, 1, &to);
    let refused = store.drill(&to, &fetched, Slice::ALL, &mut |_| (), &|| false).unwrap_err();
    assert!(matches!(refused, DrillError::NotAncestor(_)), "{refused}");
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

fn erase(store: &Store, subject: SubjectId) {
    let erase = EraseSubject { record_type: kind(), subject, remember: vec![path("legacy.client_number")] };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
}

fn document_files(vault: &Path) -> usize {
    let shards = fs::read_dir(vault.join("documents")).unwrap().map(|shard| shard.unwrap().path());
    shards.map(|shard| fs::read_dir(shard).unwrap().count()).sum()
}

/// Nothing of an erased person is there, and no import brings it back.
fn is_erased(store: &Store, subject: SubjectId, number: u32) {
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.record(&kind(), subject).unwrap().is_none());
    assert!(!snapshot.records(&kind(), None, 100).unwrap().contains(&subject), "listed");
    assert!(snapshot.versions(subject).unwrap().is_empty() && snapshot.grants(subject).unwrap().is_empty());
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

#[test]
fn a_key_file_that_is_not_what_it_was_goes_into_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let vault = dir.path().join("vault");
    open(dir.path()).capture(&spool, KEEP, "coffre test").unwrap();
    for (file, folder) in [("keys.json", "keys"), ("root.recovery.age", "recovery")] {
        let sound = fs::read(vault.join(file)).unwrap();
        let store = open(dir.path());
        assert!(store.key_files().is_ok());
        let objects = |store: &Store| {
            let folder = spool.join(Side::Main.vault_folder(store.scope())).join(folder);
            let names = fs::read_dir(folder).unwrap().map(|name| name.unwrap().file_name().into_string().unwrap());
            names.collect::<Vec<_>>()
        };
        let before = objects(&store);
        let flipped =
            [&sound[..sound.len() / 2], &[sound[sound.len() / 2] ^ 1], &sound[sound.len() / 2 + 1..]].concat();
        for wrong in [flipped, sound[..sound.len() - 1].to_vec(), Vec::new()] {
            fs::write(vault.join(file), wrong).unwrap();
            let refused = store.capture(&spool, KEEP, "coffre test").unwrap_err();
            assert!(matches!(refused, CaptureError::KeyFile(_)), "{refused:?}");
            let said = refused.to_string();
            assert!(said.starts_with(&format!("{file} was damaged or replaced: put back its right copy")), "{said}");
            assert!(said.contains(&format!("{folder}/{}", before[0])), "the right copy is named: {said}");
            assert_eq!(store.key_files().unwrap_err().to_string(), said);
        }
        fs::remove_file(vault.join(file)).unwrap();
        assert!(
            store.capture(&spool, KEEP, "coffre test").unwrap_err().to_string().contains("cannot be read: put back")
        );
        assert_eq!(objects(&store), before, "a wrong copy was put into the spool");
        create(&store, 1);
        if file == "root.recovery.age" {
            // Nobody here can open it, so a vault that is opened over a wrong one must know too.
            drop(store);
            fs::write(vault.join(file), &sound[1..]).unwrap();
            let store = open(dir.path());
            assert!(matches!(store.capture(&spool, KEEP, "coffre test"), Err(CaptureError::KeyFile(_))));
            fs::write(vault.join(file), &sound).unwrap();
            store.capture(&spool, KEEP, "coffre test").unwrap();
        } else {
            fs::write(vault.join(file), &sound).unwrap();
            store.capture(&spool, KEEP, "coffre test").unwrap();
        }
    }
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
fn a_restored_vault_that_goes_on_in_the_same_spool_leaves_no_older_keyring_in_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    create(&store, 1);
    store.capture(&spool, KEEP, "coffre test").unwrap();
    let to = dir.path().join("again/vault");
    let fetched = place(&spool, &store, 1, &to);
    let recovery = Identity::read(&dir.path().join("recovery.identity")).unwrap();
    finish_restore(&to, &recovery, &fetched, store.now(), &mut SystemEntropy, &mut |_| ()).unwrap();
    let restored = open(&dir.path().join("again"));
    let keyring = spool.join(Side::Keyring.vault_folder(store.scope()));
    let count = |of: &Store, folder: &str| {
        fs::read_dir(keyring.join(of.generation().to_string()).join(folder)).unwrap().count()
    };
    assert_eq!(count(&store, "keyring"), 1);
    restored.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!((count(&store, "keyring"), count(&store, "manifests")), (0, 1), "no key of it is left");
    assert_eq!(count(&restored, "keyring"), 1);
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
