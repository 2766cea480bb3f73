//! `kill -9` while many things are written: every acknowledged deed and its entry are there afterwards,
//! and nothing is there by half.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::search::SearchKind;
use coffre_store::Store;
use serde_json::json;

use crate::child;
use crate::deeds::{Doer, Known, Person};
use crate::dice::Dice;
use crate::papers::download;
use crate::proof;
use crate::support::{index, kind, make, open, path, read};

const ROUNDS: u32 = 16;
const DOERS: u32 = 3;
const NUMBERS: u32 = 100_000;

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let (mut dice, seed) = Dice::cast();
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut known = Known::default();
    for round in 1..=ROUNDS {
        // At times it is killed while it opens the vault, which finishes what the kill before left.
        let acknowledgements = if round % 5 == 0 { 0 } else { 1 + dice.below(60) };
        run_and_kill(dir.path(), seed ^ u64::from(round), round, acknowledgements, &mut known);
        if round % 5 == 0 {
            continue;
        }
        let store = open(dir.path());
        everything_acknowledged_is_there(&store, &known);
        nothing_is_there_by_half(&store, dir.path());
        // What was not acknowledged but is there stays as it is from here on.
        settle(&store, &mut known);
    }
    assert!(known.people.len() > 20 && known.people.values().any(|person| person.erased), "hardly anything was done");
    index_is_what_it_would_be_anew(dir.path(), &known);
}

fn run_and_kill(dir: &Path, seed: u64, round: u32, acknowledgements: usize, known: &mut Known) {
    let mut command = child::again("killed::the_process_that_is_killed");
    child::give(&mut command, "DIR", dir.to_str().unwrap());
    child::give(&mut command, "SEED", &seed.to_string());
    child::give(&mut command, "FIRST", &(round * DOERS * NUMBERS).to_string());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut heard = 0;
    assert!(lines.any(|line| line == "opening"), "the process did not come up");
    while heard < acknowledgements {
        heard += usize::from(known.hear(&lines.next().expect("it ended by itself")));
    }
    process.kill().unwrap();
    // What is in the pipe was said before the kill.
    lines.for_each(|line| drop(known.hear(&line)));
    process.wait().unwrap();
}

/// By itself it does nothing.
#[test]
fn the_process_that_is_killed() {
    let Some(dir) = child::argument("DIR") else { return };
    let number = |name| child::argument(name).unwrap().parse::<u64>().unwrap();
    let (seed, first) = (number("SEED"), u32::try_from(number("FIRST")).unwrap());
    child::say("\nopening");
    let store = open(&PathBuf::from(dir));
    std::thread::scope(|scope| {
        for doer in 0..DOERS {
            let mut doer = Doer::new(&store, Dice::of(seed ^ (u64::from(doer) << 32)), first + doer * NUMBERS);
            scope.spawn(move || {
                loop {
                    doer.do_something();
                }
            });
        }
    });
}

fn everything_acknowledged_is_there(store: &Store, known: &Known) {
    let entries = proof::log_agrees_with_its_head(store);
    for (index, request) in &known.entries {
        assert_eq!(entries[usize::try_from(*index).unwrap()].what.request, *request, "entry {index} is another's");
    }
    for (subject, person) in &known.people {
        check(store, *subject, person);
    }
}

fn check(store: &Store, subject: SubjectId, person: &Person) {
    let Some(state) = store.snapshot().unwrap().record(&kind(), subject).unwrap() else {
        assert!(person.erased || person.perhaps_erased, "{subject} is gone");
        return;
    };
    assert!(!person.erased, "{subject} came back");
    let mail = read(store, subject, &["contact.email"]).0[&path("contact.email")].clone();
    let expected = if state.version == person.version {
        person.mail
    } else {
        assert_eq!(state.version, person.version + 1, "{subject}");
        person.perhaps_mail.expect("a version that nobody wrote")
    };
    assert_eq!(mail, json!(format!("client{expected}@example.fr")), "{subject}");
    for (document, number) in &person.documents {
        assert!(download(store, subject, *document).unwrap() == crate::papers::content(*number, 3_000), "{subject}");
    }
    let grants = store.snapshot().unwrap().grants(subject).unwrap();
    for (grant, withdrawn) in &person.grants {
        let found = grants.iter().find(|found| found.id == *grant).expect("a consent is gone");
        assert!(found.withdrawn_at.is_some() || !withdrawn, "a withdrawal is gone");
    }
}

fn nothing_is_there_by_half(store: &Store, dir: &Path) {
    let entries = proof::log_agrees_with_its_head(store);
    let about = |action, entry: &Entry| entry.what.action == action;
    let imported: BTreeSet<SubjectId> = entries
        .iter()
        .filter(|entry| about(Action::Import, entry))
        .flat_map(|entry| entry.what.subjects.clone())
        .collect();
    let erased: BTreeSet<SubjectId> = entries
        .iter()
        .filter(|entry| about(Action::Erase, entry))
        .flat_map(|entry| entry.what.subjects.clone())
        .collect();
    let snapshot = store.snapshot().unwrap();
    let there: BTreeSet<SubjectId> = snapshot.records(&kind(), None, 100_000).unwrap().into_iter().collect();
    assert_eq!(there, &imported - &erased, "records and their entries");
    for subject in &there {
        let given = |entry: &&Entry| about(Action::GiveGrant, entry) && entry.what.subjects == [*subject];
        assert_eq!(snapshot.grants(*subject).unwrap().len(), entries.iter().filter(given).count(), "{subject}");
    }
    drop(snapshot);
    proof::documents_and_entries_agree(store, &dir.join("vault"));
}

/// Takes up what the last, unacknowledged deeds did after all.
fn settle(store: &Store, known: &mut Known) {
    let snapshot = store.snapshot().unwrap();
    for (subject, person) in &mut known.people {
        match snapshot.record(&kind(), *subject).unwrap() {
            None => person.erased = true,
            Some(state) if state.version != person.version => {
                (person.version, person.mail) = (state.version, person.perhaps_mail.unwrap());
            }
            Some(_) => {}
        }
        (person.perhaps_mail, person.perhaps_erased) = (None, false);
    }
}

/// What the index answers: who is found under which address, and which entries are about whom.
fn answers(store: &Store, known: &Known) -> BTreeMap<SubjectId, (Vec<SubjectId>, Vec<u64>)> {
    let snapshot = store.snapshot().unwrap();
    let mail = index("contact.email", SearchKind::Exact);
    let about = |subject: &SubjectId, person: &Person| {
        let found = snapshot.find(&mail, &format!("client{}@example.fr", person.mail), 10).unwrap();
        let accesses = snapshot.accesses(*subject, None, 10_000).unwrap();
        let answer =
            (found.iter().map(|hit| hit.subject).collect(), accesses.iter().map(|entry| entry.index).collect());
        let expected = if person.erased { Vec::new() } else { vec![*subject] };
        assert_eq!(answer.0, expected, "{subject} is not found, or found after erasure");
        (*subject, answer)
    };
    known.people.iter().map(|(subject, person)| about(subject, person)).collect()
}

fn index_is_what_it_would_be_anew(dir: &Path, known: &Known) {
    let store = open(dir);
    let kept = answers(&store, known);
    drop(store);
    std::fs::remove_file(dir.join("vault/index.db")).unwrap();
    assert_eq!(answers(&open(dir), known), kept);
}
