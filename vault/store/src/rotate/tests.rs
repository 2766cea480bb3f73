//! Rotations that come to their end, are cut short at every step, or are refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::RequestId;
use coffre_core::spool::ObjectName;

use super::*;
use crate::clock::SystemClock;
use crate::disclosure::Depends;
use crate::init::{InitPlan, init};
use crate::open::OpenOptions;
use crate::transactions::BeginRotation;

type Files = BTreeMap<&'static str, Vec<u8>>;

const KEYS: [&str; 3] = ["keys.json", "root.server.age", "root.recovery.age"];

fn new_vault(folder: &Path) -> (Layout, Identity) {
    let recovery_identity_file = folder.join("recovery");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&folder.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
    (Layout::new(&folder.join("vault")), Identity::read(&folder.join("recovery")).unwrap())
}

fn server(layout: &Layout) -> Identity {
    Identity::read(&layout.server_identity()).unwrap()
}

fn open(layout: &Layout) -> Store {
    let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
    Store::open(layout.root(), &server(layout), &options).unwrap()
}

fn files(layout: &Layout) -> Files {
    KEYS.into_iter().map(|name| (name, fs::read(layout.root().join(name)).unwrap())).collect()
}

/// The keys open for the server and for recovery, with one root, and nothing is left over.
fn is_whole(layout: &Layout, recovery: &Identity) -> RootKey {
    let Unwrapped { root: by_server, .. } = root::unwrap(layout, &layout.root_server(), &server(layout)).unwrap();
    let Unwrapped { root: by_recovery, .. } = root::unwrap(layout, &layout.root_recovery(), recovery).unwrap();
    assert!(by_server.key == by_recovery.key);
    assert!(!layout.next_root_server().exists() && !layout.next_root_recovery().exists());
    by_server
}

fn capture(store: &Store, spool: &Path) {
    store.capture(spool, std::num::NonZeroU64::MIN, "test").unwrap();
}

fn set_remembered(layout: &Layout, recovery: ContentHash) {
    let Unwrapped { keys, .. } = root::unwrap(layout, &layout.root_server(), &server(layout))
        .or_else(|_| root::unwrap(layout, &layout.next_root_server(), &server(layout)))
        .unwrap();
    let vault = connection::open(&layout.database(Database::Vault), &keys.databases.vault, Use::Write).unwrap();
    remember_recovery(&vault, recovery).unwrap();
}

#[test]
fn backups_are_taken_after_a_rotation_with_the_new_files() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, _) = new_vault(folder.path());
    let (store, before, spool) = (open(&layout), files(&layout), folder.path().join("spool"));
    let scope = store.scope().clone();
    capture(&store, &spool);
    store.rotate_root().unwrap();
    let after = files(&layout);
    assert!(KEYS.into_iter().all(|name| before[name] != after[name]));
    let in_spool = |files: &Files| {
        let keys = ObjectName::Keys(ContentHash::of(&files["keys.json"]));
        let recovery = ObjectName::Recovery(ContentHash::of(&files["root.recovery.age"]));
        let is_there = |name: ObjectName| spool.join(name.path(&scope)).exists();
        (is_there(keys), is_there(recovery))
    };
    assert_eq!((in_spool(&before), in_spool(&after)), ((true, true), (false, false)));
    store.key_files().unwrap();
    capture(&store, &spool);
    assert_eq!(in_spool(&after), (true, true));
    // A former file is from now on a wrong one, to this process and to the next.
    fs::write(layout.root_recovery(), &before["root.recovery.age"]).unwrap();
    assert!(store.key_files().is_err());
    fs::write(layout.root_recovery(), &after["root.recovery.age"]).unwrap();
    store.close();
    drop(store);
    let store = open(&layout);
    store.key_files().unwrap();
    capture(&store, &spool);
    store.close();
    drop(store);
    fs::write(layout.root_recovery(), &before["root.recovery.age"]).unwrap();
    let store = open(&layout);
    assert!(store.key_files().is_err());
    assert!(store.capture(&spool, std::num::NonZeroU64::MIN, "test").is_err());
    store.close();
}

#[test]
fn a_rotated_root_opens_the_vault_and_the_former_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let first = is_whole(&layout, &recovery);
    let store = open(&layout);
    store.rotate_root().unwrap();
    let second = is_whole(&layout, &recovery);
    store.rotate_root().unwrap();
    store.close();
    drop(store);
    let third = is_whole(&layout, &recovery);
    assert!(first.key != second.key && second.key != third.key);
    let Unwrapped { keys, .. } = root::unwrap(&layout, &layout.root_server(), &server(&layout)).unwrap();
    assert!(keys.former_roots == [first.key, second.key]);
    open(&layout).close();
}

#[test]
fn a_rotation_interrupted_anywhere_is_finished_or_undone() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let before = files(&layout);
    let store = open(&layout);
    store.rotate_root().unwrap();
    store.close();
    drop(store);
    let after = files(&layout);
    // What stands in each place: the keys, the server's root, recovery's root, the next two.
    for (what, new_keys, recovery_placed, next_server, next_recovery) in [
        ("one of step 1", false, false, true, false),
        ("both of step 1", false, false, true, true),
        ("undone by halves", false, false, false, true),
        ("the switch", true, false, true, true),
        ("step 5", true, true, true, false),
    ] {
        let place = |name: &str, bytes: &[u8]| fs::write(layout.root().join(name), bytes).unwrap();
        place("keys.json", &(if new_keys { &after } else { &before })["keys.json"]);
        place("root.server.age", &before["root.server.age"]);
        place("root.recovery.age", &(if recovery_placed { &after } else { &before })["root.recovery.age"]);
        if next_server {
            place("root.server.next.age", &after["root.server.age"]);
        }
        if next_recovery {
            place("root.recovery.next.age", &after["root.recovery.age"]);
        }
        // Step 4 comes between the switch and step 5.
        let remembered = if recovery_placed { &after } else { &before };
        set_remembered(&layout, ContentHash::of(&remembered["root.recovery.age"]));
        let store = open(&layout);
        assert!(store.key_files().is_ok(), "{what}");
        capture(&store, &folder.path().join(format!("spool after {what}")));
        store.close();
        is_whole(&layout, &recovery);
        assert_eq!(files(&layout), if new_keys { after.clone() } else { before.clone() }, "{what}");
    }
}

#[test]
fn another_recovery_identity_opens_it_from_then_on_and_the_former_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, former) = new_vault(folder.path());
    let (store, new) = (open(&layout), Identity::generate());
    assert!(matches!(store.rotate_recovery("age1nobody"), Err(RotateError::Recipient(_))));
    assert_eq!(store.recovery_recipient(), former.recipient());
    store.rotate_recovery(&new.recipient()).unwrap();
    assert_eq!(store.recovery_recipient(), new.recipient());
    store.rotate_root().unwrap();
    store.key_files().unwrap();
    capture(&store, &folder.path().join("spool"));
    store.close();
    drop(store);
    is_whole(&layout, &new);
    let refused = root::unwrap(&layout, &layout.root_recovery(), &former);
    assert!(matches!(refused, Err(RootError::WrongIdentity { .. })));
    let store = open(&layout);
    assert_eq!(store.recovery_recipient(), new.recipient());
    store.close();
}

#[test]
fn whom_the_vault_is_for_changes_with_the_switch_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, former) = new_vault(folder.path());
    let new = Identity::generate();
    let before = files(&layout);
    let store = open(&layout);
    store.rotate_recovery(&new.recipient()).unwrap();
    store.close();
    drop(store);
    let after = files(&layout);
    let place = |name: &str, bytes: &[u8]| fs::write(layout.root().join(name), bytes).unwrap();
    for (switched, recipient) in [(false, former.recipient()), (true, new.recipient())] {
        for (name, bytes) in &before {
            place(name, bytes);
        }
        set_remembered(&layout, ContentHash::of(&before["root.recovery.age"]));
        place("root.server.next.age", &after["root.server.age"]);
        place("root.recovery.next.age", &after["root.recovery.age"]);
        announce(&layout, &after["root.recovery.age"], &former.recipient(), &new.recipient());
        if switched {
            place("keys.json", &after["keys.json"]);
        }
        let store = open(&layout);
        assert_eq!(store.recovery_recipient(), recipient, "switched: {switched}");
        // A rotation for the same recipient does not take up what was announced and never came into force.
        store.rotate_root().unwrap();
        assert_eq!(store.recovery_recipient(), recipient, "switched: {switched}");
        store.close();
        drop(store);
        let store = open(&layout);
        assert_eq!(store.recovery_recipient(), recipient, "switched: {switched}");
        store.close();
        drop(store);
        is_whole(&layout, if switched { &new } else { &former });
    }
}

/// As after step 2 of a rotation to another recipient.
fn announce(layout: &Layout, next: &[u8], now: &str, then: &str) {
    let Unwrapped { keys, .. } = root::unwrap(layout, &layout.root_server(), &server(layout)).unwrap();
    let vault = connection::open(&layout.database(Database::Vault), &keys.databases.vault, Use::Write).unwrap();
    vault.execute("UPDATE meta SET value = ?1 WHERE key = 'recovery_recipient'", [now]).unwrap();
    announce_recovery(&vault, ContentHash::of(next), then).unwrap();
}

#[test]
fn a_base_backup_and_a_rotation_exclude_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let (store, before) = (open(&layout), files(&layout));
    store.shared().capturing.store(true, Ordering::SeqCst);
    assert!(matches!(store.rotate_root(), Err(RotateError::Busy)));
    assert_eq!(files(&layout), before);
    store.shared().capturing.store(false, Ordering::SeqCst);
    store.rotate_root().unwrap();
    capture(&store, &folder.path().join("spool"));
    store.close();
    is_whole(&layout, &recovery);
}

#[test]
fn a_rotation_that_cannot_be_written_leaves_the_former_root() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let (store, before) = (open(&layout), files(&layout));
    // A folder where the new file should go.
    fs::create_dir(layout.next_root_recovery()).unwrap();
    assert!(matches!(store.rotate_root(), Err(RotateError::Keys(RootError::Write { .. }))));
    assert_eq!(files(&layout), before);
    fs::remove_dir(layout.next_root_recovery()).unwrap();
    store.rotate_root().unwrap();
    store.close();
    is_whole(&layout, &recovery);
}

#[test]
fn the_secret_of_the_next_epoch_is_made_once_and_outlives_another_root() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let (store, before) = (open(&layout), files(&layout));
    let secrets = || {
        let Unwrapped { keys, .. } = root::unwrap(&layout, &layout.root_server(), &server(&layout)).unwrap();
        keys.epochs.secrets().to_vec()
    };
    store.shared().capturing.store(true, Ordering::SeqCst);
    assert!(matches!(store.announce_epoch(), Err(RotateError::Busy)));
    store.shared().capturing.store(false, Ordering::SeqCst);
    assert_eq!(store.announce_epoch().unwrap(), 2);
    let made = secrets();
    assert_eq!((made.len(), store.data_epoch()), (1, 1), "nothing uses it yet");
    assert_eq!(store.announce_epoch().unwrap(), 2);
    assert!(secrets() == made);
    store.key_files().unwrap();
    store.rotate_root().unwrap();
    assert!(secrets() == made);
    is_whole(&layout, &recovery);
    // Over a file that is not the vault's none is written.
    fs::write(layout.keys(), &before["keys.json"]).unwrap();
    assert!(matches!(store.announce_epoch(), Err(RotateError::KeyFile(_))));
    assert_eq!(fs::read(layout.keys()).unwrap(), before["keys.json"]);
    store.close();
}

#[test]
fn an_older_keys_file_is_refused_and_not_wrapped_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let (store, yesterday) = (open(&layout), files(&layout));
    let epoch = store.announce_epoch().unwrap();
    let draft = Draft::new(Action::RotateData, Decision::Allow, RequestId::random(&mut SystemEntropy));
    store.transact(BeginRotation { epoch, rate: None }, draft, None, Depends::default()).wait().unwrap();
    let right = files(&layout);
    fs::write(layout.keys(), &yesterday["keys.json"]).unwrap();
    let refused = store.rotate_root().unwrap_err();
    assert!(matches!(refused, RotateError::KeyFile(KeyFileFault::Changed { file: "keys.json", .. })), "{refused}");
    assert_eq!(files(&layout), yesterday);
    assert!(!layout.next_root_server().exists() && !layout.next_root_recovery().exists());
    assert!(store.key_files().is_err(), "a backup would hold it");
    fs::write(layout.keys(), &right["keys.json"]).unwrap();
    // A damaged root for recovery is what a rotation heals.
    fs::write(layout.root_recovery(), "damaged").unwrap();
    store.rotate_root().unwrap();
    store.key_files().unwrap();
    store.close();
    drop(store);
    is_whole(&layout, &recovery);
    let store = open(&layout);
    assert_eq!(store.data_epoch(), 2);
    store.close();
}

#[test]
fn after_a_rotation_without_an_end_everything_says_to_start_the_vault_again() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, recovery) = new_vault(folder.path());
    let (store, spool) = (open(&layout), folder.path().join("spool"));
    // A folder where the new file should go at last.
    fs::remove_file(layout.root_recovery()).unwrap();
    fs::create_dir(layout.root_recovery()).unwrap();
    assert!(matches!(store.rotate_root(), Err(RotateError::Unfinished(_))));
    fs::remove_dir(layout.root_recovery()).unwrap();
    for _ in 0..2 {
        let captured = store.capture(&spool, std::num::NonZeroU64::MIN, "test").map(drop);
        let refused = [
            store.rotate_root().unwrap_err().to_string(),
            store.announce_epoch().unwrap_err().to_string(),
            captured.unwrap_err().to_string(),
        ];
        assert!(refused.iter().all(|why| why.contains("start the vault again")), "{refused:#?}");
    }
    store.close();
    drop(store);
    let store = open(&layout);
    is_whole(&layout, &recovery);
    store.rotate_root().unwrap();
    capture(&store, &spool);
    store.close();
}
