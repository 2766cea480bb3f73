//! What goes into the spool, stays there and leaves it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use coffre_core::spool::{MainManifest, Manifest, ObjectName, Ordinal, Side, Signed};
use coffre_store::clock::SystemEntropy;
use coffre_store::{CaptureError, Identity, Store, WhenFull, finish_restore};

use crate::support::{create, make, open};
use crate::{KEEP, add_document, manifest, place};

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

/// What becomes of a vault when its first base backup is restored.
fn again(dir: &Path, name: &str, store: &Store) -> Store {
    let to = dir.join(name).join("vault");
    let fetched = place(&dir.join("spool"), store, 1, &to);
    let recovery = Identity::read(&dir.join("recovery.identity")).unwrap();
    finish_restore(&to, &recovery, &fetched, store.now(), &mut SystemEntropy, &mut |_| ()).unwrap();
    open(&dir.join(name))
}

#[test]
fn what_earlier_generations_left_goes_once_every_destination_has_gone_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let first = open(dir.path());
    create(&first, 1);
    first.capture(&spool, KEEP, "coffre test").unwrap();
    let second = again(dir.path(), "second", &first);
    let subject = create(&second, 2);
    add_document(&second, subject, 100);
    second.capture(&spool, KEEP, "coffre test").unwrap();
    let third = again(dir.path(), "third", &second);
    let main = spool.join(Side::Main.vault_folder(third.scope()));
    let count = |folder: &str| fs::read_dir(main.join(folder)).unwrap().count();
    let left = || {
        [&first, &second]
            .map(|store| ["manifests", "vault"].map(|folder| count(&format!("{}/{folder}", store.generation()))))
    };
    third.await_confirmations(WhenFull::KeepServing);
    for number in 1..=3 {
        create(&third, number);
        third.capture(&spool, KEEP, "coffre test").unwrap();
    }
    assert_eq!(left(), [[1, 1], [1, 1]], "a destination may have nothing of what goes on");
    third.confirmed(Some((third.generation(), Ordinal::FIRST)));
    third.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!(left(), [[1, 1], [1, 1]], "the first base backup stays, and what it came from");
    third.confirmed(Some((third.generation(), Ordinal::new(4).unwrap())));
    third.capture(&spool, KEEP, "coffre test").unwrap();
    assert_eq!(left(), [[0, 0], [0, 0]]);
    let kept = [4, 5].map(|number| manifest::<MainManifest>(&spool, &third, number));
    let needed = kept.iter().flat_map(|kept| kept.manifest.needed());
    let needed: BTreeSet<String> = needed.map(|needed| needed.name.path(third.scope())).collect();
    for object in &needed {
        assert!(spool.join(object).exists(), "{object}");
    }
    for folder in ["inventories", "keys", "recovery", "pieces"] {
        let of_it = needed.iter().filter(|object| object.contains(&format!("/{folder}/"))).count();
        assert_eq!(count(folder), of_it, "{folder}: what they share stays, and nothing else");
    }
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
    for (side, folder) in [(Side::Main, "vault"), (Side::Main, "../pieces"), (Side::Main, "manifests")] {
        assert_eq!(count(side, folder), 2, "{folder}");
    }
    assert_eq!((count(Side::Keyring, "keyring"), count(Side::Keyring, "manifests")), (2, 2));
    let kept: Signed<MainManifest> = manifest(&spool, &store, 3);
    for needed in kept.manifest.needed() {
        assert!(spool.join(needed.name.path(store.scope())).exists(), "{}", needed.name);
    }
}

/// A flipped bit in a manifest is for a verification to find: base backups go on, and so does what need not stay.
#[test]
fn a_damaged_manifest_in_the_spool_fails_no_base_backup() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let spool = dir.path().join("spool");
    let store = open(dir.path());
    let generation = store.generation();
    let damage = |number| {
        for side in Side::ALL {
            let name = ObjectName::Manifest { generation, side, number: Ordinal::new(number).unwrap() };
            let path = spool.join(name.path(store.scope()));
            let mut bytes = fs::read(&path).unwrap();
            bytes[10] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    };
    let count = |(side, folder): (Side, &str)| {
        let of_generation = spool.join(side.vault_folder(store.scope())).join(generation.to_string());
        fs::read_dir(of_generation.join(folder)).unwrap().count()
    };
    let folders =
        [(Side::Main, "vault"), (Side::Main, "manifests"), (Side::Keyring, "keyring"), (Side::Keyring, "manifests")];
    let capture = || (store.capture(&spool, KEEP, "coffre test").unwrap().number, folders.map(count));
    assert_eq!([capture(), capture()], [(1, [1; 4]), (2, [2; 4])]);
    damage(1);
    assert_eq!(capture(), (3, [2; 4]), "it goes like any other");
    damage(3);
    assert_eq!(capture(), (4, [3; 4]), "while it stays, what it needs is not known");
    assert_eq!(capture(), (5, [2; 4]), "and goes with it");
}
