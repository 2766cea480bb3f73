//! `kill -9` while commits are captured: the spool is sound as it lies there, and the chains go on from it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use coffre_core::audit::Action;
use coffre_core::spool::Chain;
use coffre_store::transactions::EraseSubject;
use coffre_store::{CaptureOptions, Depends};

use crate::child;
use crate::rebuilt::{KEEP, Place, add_document, caught_up};
use crate::support::{create, draft, kind, open};

const ROUNDS: u64 = 16;

#[test]
fn a_vault_that_is_killed_goes_on_with_its_chains() {
    let place = Place::new();
    drop(place.following());
    let mut resumed = 0;
    for round in 0..ROUNDS {
        work_and_die(&place, round, true);
        // Proven as it lies there.
        for chain in Chain::ALL {
            place.rebuilt(chain);
        }
        let bases = place.bases();
        let store = place.following();
        resumed += u64::from(place.bases() == bases);
        create(&store, u32::try_from(round).unwrap());
        caught_up(&store);
        drop(store);
        place.assert_rebuilt();
    }
    assert!(resumed >= ROUNDS / 2, "a base backup was taken in all but {resumed} of {ROUNDS} rounds");
}

/// Without a base backup or a checkpoint under way there is nothing that could not be gone on from: not once is a base
/// backup taken.
#[test]
fn a_vault_that_is_killed_while_it_commits_resumes_exactly() {
    let place = Place::new();
    drop(place.following());
    for round in 0..ROUNDS {
        work_and_die(&place, round, false);
        let before = Chain::ALL.map(|chain| place.segments(chain).len());
        let store = place.following();
        assert_eq!(store.capture_status().begun_anew, None, "round {round}");
        create(&store, u32::try_from(round).unwrap());
        caught_up(&store);
        let after = Chain::ALL.map(|chain| place.segments(chain).len());
        assert!(after.iter().zip(before).all(|(after, before)| *after > before), "{before:?} and then {after:?}");
        drop(store);
        place.assert_rebuilt();
        assert_eq!(place.bases(), 1, "round {round}");
    }
}

/// Another process works on the vault, with base backups now and then or without, and is killed at some moment.
fn work_and_die(place: &Place, round: u64, bases: bool) {
    let mut command = child::again("killed::the_process_that_is_killed");
    child::give(&mut command, "DIR", place.dir.path().to_str().unwrap());
    child::give(&mut command, "FIRST", &(round * 10_000).to_string());
    child::give(&mut command, "BASES", &bases.to_string());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    for _ in 0..=round % 5 * 7 {
        assert!(lines.by_ref().any(|line| line.starts_with("done")), "it ended by itself");
    }
    // Steps follow one another without a pause: any moment is one within a step, or between two.
    let moment = Instant::now() + Duration::from_micros(round * 1_777 % 9_000);
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

/// By itself it does nothing.
#[test]
fn the_process_that_is_killed() {
    if !child::is_child() {
        return;
    }
    let dir = child::argument("DIR").unwrap();
    let first: u32 = child::argument("FIRST").unwrap().parse().unwrap();
    let bases: bool = child::argument("BASES").unwrap().parse().unwrap();
    let store = open(Path::new(&dir));
    let mut options = CaptureOptions::new(Path::new(&dir).join("spool"), KEEP, "coffre test");
    options.interval = Duration::ZERO;
    store.follow(options).unwrap();
    for number in first.. {
        let subject = create(&store, number);
        if number % 3 == 0 {
            add_document(&store, subject, 20_000);
        }
        if number % 11 == 0 {
            let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
            store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
        }
        if bases && number % 17 == 0 {
            store.capture(Path::new("/nowhere"), KEEP, "asked for").unwrap();
        }
        child::say(&format!("done {number}"));
    }
}
