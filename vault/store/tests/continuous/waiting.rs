//! What a destination has not confirmed stays in the spool, within its declared size, and what happens then is as declared.

use std::fs;
use std::num::NonZeroU64;
use std::time::Duration;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, MainManifest, Ordinal, Side};
use coffre_store::{CaptureError, Store, Unavailable, WhenFull};

use crate::broken::{spool_bytes, try_create};
use crate::rebuilt::{Place, add_document, caught_up, wait};
use crate::support::{create, make, open};

const KEEP: NonZeroU64 = NonZeroU64::new(2).unwrap();

fn confirmed(store: &Store, number: u64) {
    store.confirmed(Some((store.generation(), Ordinal::new(number).unwrap())));
}

/// The numbers of the main manifests, or the places of the bases of a chain, that are in a spool.
fn numbers(spool: &std::path::Path, store: &Store, side: Side, folder: &str) -> Vec<u64> {
    let folder = spool.join(side.vault_folder(store.scope())).join(store.generation().to_string()).join(folder);
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let names = fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap()));
    let is_a =
        |name: &str, extension: &str| std::path::Path::new(name).extension().is_some_and(|found| found == extension);
    let kept = names.filter(|name| is_a(name, "note") || is_a(name, "base"));
    let mut numbers: Vec<u64> = kept.map(|name| name[..16].parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn manifests(spool: &std::path::Path, store: &Store) -> Vec<u64> {
    numbers(spool, store, Side::Main, "manifests")
}

#[test]
fn nothing_goes_that_a_destination_has_not_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    store.await_confirmations(WhenFull::KeepServing);
    let capture = || {
        create(&store, 1);
        store.capture(&spool, KEEP, "coffre test").unwrap();
    };
    (0..5).for_each(|_| capture());
    assert_eq!(manifests(&spool, &store), [1, 2, 3, 4, 5], "nobody has confirmed anything yet");
    assert_eq!(numbers(&spool, &store, Side::Main, Chain::Vault.folder()).len(), 5);
    assert_eq!(numbers(&spool, &store, Side::Keyring, "manifests"), [4, 5], "the newest keyring opens every point");

    // A destination is at the third: it goes on from there.
    confirmed(&store, 3);
    capture();
    assert_eq!(manifests(&spool, &store), [3, 4, 5, 6]);
    // One says it is at a generation that is not this one, or one holds nothing: everything stays.
    store.confirmed(Some((GenerationId::from_bytes([9; 16]), Ordinal::new(6).unwrap())));
    capture();
    store.confirmed(None);
    capture();
    assert_eq!(manifests(&spool, &store), [3, 4, 5, 6, 7, 8]);
    confirmed(&store, 8);
    capture();
    assert_eq!(manifests(&spool, &store), [8, 9], "and no more than is kept anyway");
}

#[test]
fn nothing_but_keyrings_goes_while_the_spool_is_read_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    let capture = || {
        create(&store, 1);
        store.capture(&spool, KEEP, "coffre test").unwrap();
    };
    (0..3).for_each(|_| capture());
    assert_eq!(manifests(&spool, &store), [2, 3]);
    store.keep_everything(Duration::from_hours(1));
    (0..2).for_each(|_| capture());
    assert_eq!(manifests(&spool, &store), [2, 3, 4, 5]);
    assert_eq!(numbers(&spool, &store, Side::Main, Chain::Vault.folder()).len(), 4);
    assert_eq!(numbers(&spool, &store, Side::Keyring, "manifests"), [4, 5], "no snapshot holds it");
    store.keep_everything(Duration::ZERO);
    capture();
    assert_eq!(manifests(&spool, &store), [5, 6], "all of it goes with the next one");
}

/// A vault that waits for a destination, with a spool of some base backups.
fn waiting(place: &Place, when_full: WhenFull) -> Store {
    let mut options = place.options();
    options.keep = KEEP;
    let store = open(place.dir.path());
    store.await_confirmations(when_full);
    store.follow(options.clone()).unwrap();
    caught_up(&store);
    let one = spool_bytes(place);
    drop(store);
    (options.spool_limit, options.when_full) = (Some(one * 6), when_full);
    let store = open(place.dir.path());
    store.await_confirmations(when_full);
    store.follow(options).unwrap();
    caught_up(&store);
    store
}

#[test]
fn a_full_spool_gives_up_what_is_not_confirmed_where_the_vault_is_to_keep_serving() {
    let place = Place::new();
    let store = waiting(&place, WhenFull::KeepServing);
    let limit = store.capture_status().spool_limit.unwrap();
    let mut most = 0;
    wait(|| {
        let found = manifests(&place.spool(), &store);
        if spool_bytes(&place) < limit {
            assert_eq!(found[0], 1, "nothing goes while there is room: {found:?}");
        }
        most = most.max(found.len());
        create(&store, 1);
        store.capture(&place.spool(), KEEP, "asked for").unwrap();
        manifests(&place.spool(), &store)[0] > 1
    });
    assert!(most >= 4, "{most}");
    // What is kept anyway, and perhaps one that was asked for when there was room again.
    assert!(manifests(&place.spool(), &store).len() <= 3);
    assert!(store.readiness().is_ok());
    create(&store, 2);
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}

#[test]
fn a_full_spool_keeps_what_is_not_confirmed_where_the_vault_is_to_refuse_and_comes_back_by_itself() {
    let place = Place::new();
    let store = waiting(&place, WhenFull::Refuse);
    let mut last = 1;
    wait(|| {
        // A vault that refuses captures no more either.
        let _refused = try_create(&store, 1);
        match store.capture(&place.spool(), KEEP, "asked for") {
            Ok(captured) => last = captured.number,
            Err(error) => assert!(matches!(error, CaptureError::SpoolLimit { .. }), "{error}"),
        }
        store.readiness() == Err(Unavailable::SpoolFull)
    });
    let found = manifests(&place.spool(), &store);
    assert_eq!(found, (1..=last).collect::<Vec<_>>(), "nothing went");
    assert_eq!(try_create(&store, 2), Err(Unavailable::SpoolFull));
    assert!(matches!(store.capture(&place.spool(), KEEP, "asked for").unwrap_err(), CaptureError::SpoolLimit { .. }));
    assert_eq!(manifests(&place.spool(), &store), found, "another base backup would make no room, and is not taken");

    // The destination is back, and has got everything.
    confirmed(&store, last);
    wait(|| store.readiness().is_ok());
    assert_eq!(manifests(&place.spool(), &store), [last, last + 1]);
    create(&store, 3);
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}

#[test]
fn a_spool_that_was_lost_is_gone_on_with_at_a_place_where_nothing_ever_was() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let places = |side: Side, chain: Chain| numbers(&place.spool(), &store, side, chain.folder());
    let before = places(Side::Main, Chain::Vault);
    for side in Side::ALL {
        fs::remove_dir_all(place.spool().join(side.folder())).unwrap();
    }
    // Without a word from anybody it goes on where it was: after the segment that went with the spool, and the one of the
    // commit that kept a place in the log.
    store.capture(&place.spool(), KEEP, "asked for").unwrap();
    assert_eq!(places(Side::Main, Chain::Vault), [before[0] + 3]);
    store.spool_was_lost();
    let captured = store.capture(&place.spool(), KEEP, "asked for").unwrap();
    assert_eq!(manifests(&place.spool(), &store), [captured.number], "nothing older is promised");
    for (side, chain) in [(Side::Main, Chain::Vault), (Side::Keyring, Chain::Keyring)] {
        let after = places(side, chain);
        assert!(after.len() == 1 && after[0] > before[0] + 1_000_000, "{chain}: {after:?}");
    }
    let log = place.newest::<MainManifest>().unwrap().manifest.chains.audit.base.position;
    assert!(log.get() > before[0] + 1_000_000, "{log}");
    create(&store, 2);
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}

/// The folder went with all that was in it, and an empty one is in its place.
#[test]
fn a_spool_whose_folder_was_lost_is_gone_on_with_while_the_vault_is_served() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    fs::rename(place.spool(), place.dir.path().join("lost")).unwrap();
    fs::create_dir(place.spool()).unwrap();
    create(&store, 2);
    wait(|| store.capture_status().trouble.is_some());
    assert!(store.capture(&place.spool(), KEEP, "asked for").is_err(), "nobody has said that it was lost");
    store.spool_was_lost();
    store.capture(&place.spool(), KEEP, "asked for").unwrap();
    create(&store, 3);
    caught_up(&store);
    assert_eq!(store.capture_status().trouble, None);
    store.close();
    place.assert_rebuilt();
}

/// To copy all documents again takes hours, in which somebody may be erased.
#[test]
fn a_base_backup_after_a_lost_spool_that_fails_is_tried_again_where_nothing_ever_was() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let (spool, store) = (dir.path().join("spool"), open(dir.path()));
    let subject = create(&store, 1);
    add_document(&store, subject, 1000);
    let capture = || store.capture(&spool, KEEP, "coffre test");
    capture().unwrap();
    let places = |side: Side, chain: Chain| numbers(&spool, &store, side, chain.folder());
    let before = places(Side::Main, Chain::Vault);
    fs::remove_dir_all(&spool).unwrap();
    let (documents, elsewhere) = (dir.path().join("vault/documents"), dir.path().join("elsewhere"));
    fs::rename(&documents, &elsewhere).unwrap();
    store.spool_was_lost();
    assert!(matches!(capture().unwrap_err(), CaptureError::NoDocument { .. }));
    fs::rename(&elsewhere, &documents).unwrap();
    capture().unwrap();
    let after = places(Side::Main, Chain::Vault);
    assert!(after.len() == 1 && after[0] > before[0] + 1_000_000, "{after:?}");
    capture().unwrap();
    let then = places(Side::Main, Chain::Vault);
    assert!(then.len() == 2 && then[1] < then[0] + 1_000_000, "that is all: {then:?}");
}

#[test]
fn a_base_backup_is_taken_by_itself_when_the_last_one_is_old() {
    let place = Place::new();
    let mut options = place.options();
    options.base_every = Duration::from_millis(1);
    let store = open(place.dir.path());
    store.follow(options).unwrap();
    caught_up(&store);
    let before = place.bases();
    wait(|| {
        create(&store, 1);
        place.bases() > before + 1
    });
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}
