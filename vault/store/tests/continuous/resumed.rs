//! A vault that was stopped goes on with its chains; where it cannot, it takes a base backup.

use std::fs;

use coffre_core::spool::{Chain, KeyringManifest, MainManifest, ObjectName};

use crate::rebuilt::{Place, add_document, caught_up};
use crate::support::{create, open};

#[test]
fn a_vault_that_was_closed_goes_on_without_a_new_base() {
    let place = Place::new();
    for number in 0..3 {
        let store = place.following();
        create(&store, number);
        assert_eq!(store.capture_status().times_anew, 0);
        drop(store);
        assert_eq!(place.bases(), 1);
        place.assert_rebuilt();
    }
    assert!(place.segments(Chain::Vault).len() >= 3);
}

#[test]
fn a_chain_that_outgrows_its_base_is_followed_by_another_base() {
    let place = Place::new();
    let store = open(place.dir.path());
    let mut options = place.options();
    options.little = 300_000;
    store.follow(options).unwrap();
    caught_up(&store);
    let of = |chain| fs::metadata(place.object(&base(&place, chain))).unwrap().len();
    let limit = Chain::ALL.into_iter().map(of).sum::<u64>().max(300_000);
    let mut segments = 0;
    let mut number = 0;
    while place.bases() == 1 {
        // Beyond the limit by no more than a few changes.
        assert!(segments < limit + 300_000, "{segments} bytes of segments after a base, and no other");
        number += 1;
        create(&store, number);
        caught_up(&store);
        let bytes = |chain| place.segments(chain).iter().map(|(_, frames, _)| frames.len() as u64).sum::<u64>();
        if place.bases() == 1 {
            // The next one may have come in between.
            segments = segments.max(Chain::ALL.into_iter().map(bytes).sum());
        }
    }
    assert!(segments > limit / 2, "{segments} of {limit}: a base long before one was due");
    assert_eq!(store.capture_status().times_anew, 0, "it was due, and nothing was lost track of");
    store.close();
    place.assert_rebuilt();
}

/// The newest base of a chain; that of a log this small is one piece.
fn base(place: &Place, chain: Chain) -> ObjectName {
    let main = place.newest::<MainManifest>().unwrap().manifest.chains;
    let base = match chain {
        Chain::Keyring => place.newest::<KeyringManifest>().unwrap().manifest.chains.keyring.base,
        Chain::Vault => main.vault.base,
        Chain::Audit => main.audit.base,
    };
    base.objects(place.generation, chain)[0].name
}

#[test]
fn work_without_capture_is_found_out_and_a_base_taken() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    drop(store);
    let store = open(place.dir.path());
    let subject = create(&store, 2);
    add_document(&store, subject, 1000);
    drop(store); // its checkpoint took frames that nobody captured
    let store = place.following();
    caught_up(&store);
    let why = store.capture_status().begun_anew.map(|anew| anew.why);
    assert!(why.is_some_and(|why| why.contains("in no segment and no write-ahead log")), "it is told why");
    drop(store);
    assert_eq!(place.bases(), 2);
    place.assert_rebuilt();
}

#[test]
fn a_database_file_that_was_touched_is_found_out() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    drop(store);
    let file = place.dir.path().join("vault/vault.db");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let store = place.following();
    caught_up(&store);
    drop(store);
    assert_eq!(place.bases(), 2);
}

#[test]
fn a_spool_that_lacks_or_changed_its_last_segment_is_begun_anew_with_a_base() {
    for damage in [true, false] {
        let place = Place::new();
        let store = place.following();
        create(&store, 1);
        drop(store);
        let (last, ..) = place.segments(Chain::Vault).pop().unwrap();
        let path = place.object(&ObjectName::Segment {
            generation: place.generation,
            chain: Chain::Vault,
            position: last.position,
        });
        if damage {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let store = place.following();
        caught_up(&store);
        create(&store, 2);
        drop(store);
        assert_eq!(place.bases(), 2);
        place.assert_rebuilt();
    }
}

#[test]
fn old_bases_go_with_the_segments_after_them() {
    let place = Place::new();
    let store = place.following();
    for number in 0..5 {
        create(&store, number);
        caught_up(&store);
        store.capture(&place.spool(), crate::rebuilt::KEEP, "asked for").unwrap();
    }
    drop(store);
    let oldest = place.bases() - 2;
    for chain in [Chain::Keyring, Chain::Vault] {
        let folder = place.object(&ObjectName::Segment {
            generation: place.generation,
            chain,
            position: coffre_core::spool::Ordinal::FIRST,
        });
        let mut names: Vec<String> = fs::read_dir(folder.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert!(names[0].contains(".base"), "{names:?}");
        assert_eq!(names.iter().filter(|name| name.contains(".base")).count(), 3, "{names:?} from {oldest}");
    }
}
