//! Base backups beside their chains: what is committed while one is copied becomes segments, and the chain before it goes
//! on whole.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use coffre_core::audit::Action;
use coffre_core::spool::{Chain, KeyringManifest, MainManifest, Manifest as _};
use coffre_store::transactions::{CreateRecord, EraseSubject};
use coffre_store::{CaptureError, CaptureStatus, Depends, Store};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::rebuilt::{KEEP, Place, add_document, caught_up, wait};
use crate::support::{create, draft, kind, open, path, sample};

fn take_base(store: &Store) {
    store.capture(Path::new("/nowhere"), KEEP, "asked for").unwrap();
}

#[test]
fn a_base_stands_beside_its_chains_and_both_give_the_same_databases() {
    let place = Place::new();
    let store = place.following();
    let first = Chain::ALL.map(|chain| (chain, place.reach(chain)));
    let subject = create(&store, 1);
    add_document(&store, subject, 5000);
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    take_base(&store);
    create(&store, 2);
    caught_up(&store);
    store.close();
    assert_eq!(place.bases(), 2);
    for (chain, first) in first {
        let second = place.reach(chain);
        assert!(second.is_beside() && !first.is_beside(), "{chain}");
        assert_eq!(second.base.previous, Some(second.last.sha256), "{chain}");
        let all = place.segments_from(chain, &first);
        assert!(all.iter().any(|(.., link)| *link == second.last), "{chain}: the segment at its place");
        let file = fs::read(place.dir.path().join("vault").join(chain.file())).unwrap();
        assert!(file == place.rebuilt_from(chain, &first), "{chain}, from the first base through all segments");
        assert!(file == place.rebuilt(chain), "{chain}, from the base beside them");
    }
    let (main, keyring) = (place.newest::<MainManifest>().unwrap(), place.newest::<KeyringManifest>().unwrap());
    assert_eq!(main.manifest.keyring, keyring.manifest.chains.keyring.last);
    let (copied, rebuilt) = (main.manifest.heading().time, keyring.manifest.heading().time);
    assert!(rebuilt <= copied, "a key that was erased after the keyring was rebuilt may stand in the copy");
}

/// The file that a base is written to is a pipe that nobody reads: the copy waits until the test lets it go.
fn hold_bases(place: &Place) -> std::path::PathBuf {
    let pipe = place.spool().join("temporary/base");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    pipe
}

/// Reads what comes through the pipe, which cannot be made durable: the base fails.
fn let_go(pipe: &Path) {
    let mut content = File::open(pipe).unwrap();
    content.read_to_end(&mut Vec::new()).unwrap();
}

/// Lets go what a failing test leaves held: its scope would wait for that without an end, and nobody would read why it failed.
struct Held<'p>(&'p Path);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let pipe = self.0.to_owned();
            thread::spawn(move || let_go(&pipe));
        }
    }
}

#[test]
fn commits_become_segments_while_a_base_is_copied() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let (before, pipe) = (place.segments(Chain::Keyring).len(), hold_bases(&place));
    thread::scope(|scope| {
        let _held = Held(&pipe);
        let base = scope.spawn(|| store.capture(Path::new("/nowhere"), KEEP, "asked for"));
        // The files stand still.
        wait(|| place.segments(Chain::Keyring).len() > before + 1);
        for number in 2..6 {
            let before = Chain::ALL.map(|chain| place.segments(chain).len());
            let subject = create(&store, number);
            add_document(&store, subject, 20_000);
            caught_up(&store);
            let after = Chain::ALL.map(|chain| place.segments(chain).len());
            assert!(after.iter().zip(before).all(|(after, before)| *after > before), "{before:?} and then {after:?}");
        }
        assert!(!base.is_finished() && place.bases() == 1);
        let_go(&pipe);
        base.join().unwrap().unwrap_err();
    });
    // It failed, and nothing of the chains is lost by that.
    assert_eq!(store.capture_status().begun_anew, None);
    take_base(&store);
    create(&store, 7);
    caught_up(&store);
    store.close();
    assert_eq!(place.bases(), 2);
    place.assert_rebuilt();
}

#[test]
fn a_vault_that_is_killed_while_a_base_is_copied_resumes_exactly() {
    let place = Place::new();
    let store = place.following();
    create(&store, 1);
    caught_up(&store);
    let (before, pipe) = (place.segments(Chain::Keyring).len(), hold_bases(&place));
    let left = thread::scope(|scope| {
        let _held = Held(&pipe);
        let base = scope.spawn(|| store.capture(Path::new("/nowhere"), KEEP, "asked for"));
        wait(|| place.segments(Chain::Keyring).len() > before + 1);
        create(&store, 2);
        caught_up(&store);
        // As it lies there now a kill would leave it.
        let left = tempfile::tempdir().unwrap();
        let folders = ["vault", "spool"].map(|folder| place.dir.path().join(folder));
        assert!(Command::new("cp").arg("-a").args(folders).arg(left.path()).status().unwrap().success());
        let_go(&pipe);
        base.join().unwrap().unwrap_err();
        left
    });
    store.close();
    let (scope, pinned, generation) = (place.scope.clone(), place.pinned.clone(), place.generation);
    let again = Place { dir: left, scope, pinned, generation };
    let store = again.following();
    assert_eq!(store.capture_status().begun_anew, None);
    create(&store, 3);
    caught_up(&store);
    store.close();
    assert_eq!(again.bases(), 1);
    again.assert_rebuilt();
}

#[test]
fn a_base_that_is_due_and_cannot_be_taken_is_told_while_capture_goes_on() {
    let place = Place::new();
    let store = open(place.dir.path());
    let mut options = place.options();
    options.little = 1;
    store.follow(options).unwrap();
    caught_up(&store);
    let pipe = hold_bases(&place);
    thread::scope(|scope| {
        scope.spawn(|| let_go(&pipe));
        let mut number = 0;
        wait(|| {
            // Until the segments outgrow the base.
            number += 1;
            create(&store, number);
            caught_up(&store);
            store.capture_status().trouble.is_some()
        });
    });
    create(&store, 1_000);
    caught_up(&store);
    let status = store.capture_status();
    assert!(status.trouble.is_some() && status.begun_anew.is_none(), "{status:?}");
    let told = store.catch_up(Path::new("/nowhere"), KEEP, "asked for");
    assert!(told.unwrap().taken, "whoever waits has it tried again");
    assert_eq!(store.capture_status().trouble, None);
    store.close();
    assert_eq!(place.bases(), 2);
    place.assert_rebuilt();
}

/// A vault whose logs are too long for a base backup at sixteen times as many pages.
fn impatient(place: &Place) -> Store {
    let store = open(place.dir.path());
    let mut options = place.options();
    options.longest_wal = 256;
    store.follow(options).unwrap();
    caught_up(&store);
    create(&store, 1);
    caught_up(&store);
    store
}

/// A record of some fifty pages.
fn create_long(store: &Store, number: u32) {
    let mut fields = sample(number);
    fields.0.insert(path("health.illnesses"), json!(["asthme".repeat(30_000)]));
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields };
    store.transact(transaction, draft(Action::Create), None, Depends::default()).wait().unwrap();
}

/// What was given up is taken, by nobody's request, and all goes on.
fn is_taken_again(place: &Place, store: &Store) -> CaptureStatus {
    assert!(store.catch_up(Path::new("/nowhere"), KEEP, "asked for").unwrap().taken);
    let status = store.capture_status();
    create(store, 0);
    caught_up(store);
    store.close();
    assert_eq!(place.bases(), 2);
    place.assert_rebuilt();
    status
}

/// A spool that hangs would have the logs grow until the vault's disk is full.
#[test]
fn a_base_that_hangs_is_given_up_and_taken_again_while_its_chains_go_on() {
    let place = Place::new();
    let store = impatient(&place);
    let (before, pipe) = (place.segments(Chain::Keyring).len(), hold_bases(&place));
    let file = || fs::metadata(place.dir.path().join("vault/vault.db")).unwrap().len();
    thread::scope(|scope| {
        let _held = Held(&pipe);
        let base = scope.spawn(|| store.capture(Path::new("/nowhere"), KEEP, "asked for"));
        wait(|| place.segments(Chain::Keyring).len() > before + 1);
        create(&store, 2); // The files stand still when it is answered.
        let (stood, mut number) = (file(), 2);
        wait(|| {
            number += 1;
            create_long(&store, number);
            caught_up(&store);
            let stands = file() == stood;
            let is_given_up = store.capture_status().trouble.is_some();
            assert!(stands || is_given_up, "it stands still");
            is_given_up
        });
        wait(|| {
            number += 1;
            create(&store, number);
            caught_up(&store);
            file() > stood
        });
        assert!(!base.is_finished(), "it hangs");
        let_go(&pipe);
        let error = base.join().unwrap().unwrap_err();
        assert!(matches!(error, CaptureError::GivenUp), "{error}");
    });
    let status = is_taken_again(&place, &store);
    assert_eq!((status.trouble, status.begun_anew), (None, None));
}

/// The thread that captures hangs, too: what can be restored ends there, and goes on with another base.
#[test]
fn a_spool_that_hangs_as_a_whole_keeps_nobody_from_a_checkpoint() {
    let place = Place::new();
    let store = impatient(&place);
    let (before, pipe) = (place.segments(Chain::Keyring).len(), hold_bases(&place));
    let file = || fs::metadata(place.dir.path().join("vault/vault.db")).unwrap().len();
    thread::scope(|scope| {
        let _held = Held(&pipe);
        let base = scope.spawn(|| store.capture(Path::new("/nowhere"), KEEP, "asked for"));
        wait(|| place.segments(Chain::Keyring).len() > before + 1);
        create(&store, 2); // The files stand still when it is answered.
        caught_up(&store);
        let segments = place.spool().join("temporary/object");
        mknodat(CWD, &segments, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let (stood, mut number) = (file(), 2);
        wait(|| {
            number += 1;
            create_long(&store, number);
            file() > stood
        });
        assert!(store.capture_status().trouble.is_some() && !base.is_finished());
        let_go(&segments);
        let_go(&pipe);
        let error = base.join().unwrap().unwrap_err();
        assert!(matches!(error, CaptureError::GivenUp), "{error}");
    });
    let status = is_taken_again(&place, &store);
    assert!(status.trouble.is_none() && status.begun_anew.is_some(), "{status:?}");
}

/// Before the files stand still there is nothing to give up yet but the wait for it.
#[test]
fn a_spool_that_hangs_as_a_base_begins_keeps_nobody_from_a_checkpoint() {
    let place = Place::new();
    let store = impatient(&place);
    let length = |name: &str| fs::metadata(place.dir.path().join("vault").join(name)).unwrap().len();
    let (log, stood) = (length("keyring.db-wal"), length("vault.db"));
    let segments = place.spool().join("temporary/object");
    mknodat(CWD, &segments, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    thread::scope(|scope| {
        let _held = Held(&segments);
        let base = scope.spawn(|| store.capture(Path::new("/nowhere"), KEEP, "asked for"));
        // It has begun, and the first segment of it hangs.
        wait(|| length("keyring.db-wal") > log);
        let mut number = 1;
        wait(|| {
            number += 1;
            create_long(&store, number);
            length("vault.db") > stood + (8 << 20)
        });
        assert!(store.capture_status().trouble.is_some() && !base.is_finished());
        let_go(&segments);
        let error = base.join().unwrap().unwrap_err();
        assert!(matches!(error, CaptureError::GivenUp), "{error}");
    });
    store.catch_up(Path::new("/nowhere"), KEEP, "asked for").unwrap();
    assert_eq!(store.capture_status().trouble, None);
    create(&store, 0);
    caught_up(&store);
    store.close();
    place.assert_rebuilt();
}
