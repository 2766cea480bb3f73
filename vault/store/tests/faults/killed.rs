//! `kill -9` while many things are written: every acknowledged deed and its entry are there afterwards,
//! and nothing is there by half.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use coffre_core::audit::{Action, Entry};
use coffre_core::grant::Grant;
use coffre_core::ids::SubjectId;
use coffre_core::search::SearchKind;
use coffre_store::{Depends, Disclosure, Store};
use serde_json::json;

use crate::child;
use crate::deeds::{Doer, Known, Person};
use crate::dice::Dice;
use crate::papers::{ask, content};
use crate::proof;
use crate::support::{draft, index, kind, make, open, path};

const ROUNDS: u32 = 24;
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
        let acknowledgements = if round % 5 == 0 { 0 } else { 1 + dice.below(30) };
        // An acknowledgement comes at the end of a group: only some time later is the next one half done.
        let later = Duration::from_micros(dice.roll() % 5_000);
        run_and_kill(dir.path(), seed ^ u64::from(round), round, (acknowledgements, later), &mut known);
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

fn run_and_kill(dir: &Path, seed: u64, round: u32, (acknowledgements, later): (usize, Duration), known: &mut Known) {
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
    let moment = Instant::now() + later;
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
    process.kill().unwrap();
    // What is in the pipe was said before the kill.
    for line in lines {
        known.hear(&line);
    }
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
    let snapshot = store.snapshot().unwrap();
    let mut left = Vec::new();
    for (subject, person) in &known.people {
        if let Some(state) = snapshot.record(&kind(), *subject).unwrap() {
            assert!(!person.erased, "{subject} came back");
            grants_are_there(&snapshot.grants(*subject).unwrap(), person);
            left.push((*subject, person, state.version));
        } else {
            assert!(person.erased || person.perhaps_erased, "{subject} is gone");
        }
    }
    drop(snapshot);
    mails_are_there(store, &left);
    let papers: Vec<_> = left
        .iter()
        .flat_map(|(subject, person, _)| {
            person.documents.iter().map(|(document, number)| (*subject, *document, *number))
        })
        .collect();
    // Asked for by the hundred: one commit for all of their entries.
    for papers in papers.chunks(100) {
        let asked: Vec<_> =
            papers.iter().map(|(subject, document, _)| ask(store, *subject, *document).unwrap()).collect();
        for (asked, (subject, document, number)) in asked.into_iter().zip(papers) {
            let mut stored = Vec::new();
            asked.open().unwrap().read_to_end(&mut stored).unwrap();
            assert!(stored == content(*number, 3_000), "{subject}: {document:?}");
        }
    }
}

fn grants_are_there(found: &[Grant], person: &Person) {
    for (grant, withdrawn) in &person.grants {
        let found = found.iter().find(|found| found.id == *grant).expect("a consent is gone");
        assert!(found.withdrawn_at.is_some() || !withdrawn, "a withdrawal is gone");
    }
}

fn mails_are_there(store: &Store, people: &[(SubjectId, &Person, u32)]) {
    let fields = [path("contact.email")];
    let snapshot = store.snapshot().unwrap();
    let read = |(subject, ..): &(SubjectId, &Person, u32)| snapshot.fields(&kind(), *subject, &fields).unwrap();
    let contents: Vec<_> = people.iter().map(read).collect();
    drop(snapshot);
    let mut entry = draft(Action::Read);
    (entry.subjects, entry.fields) = (people.iter().map(|(subject, ..)| *subject).collect(), fields.to_vec());
    let claims = contents.iter().map(|content| content.claim().clone()).collect();
    let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
    let receipt = store.disclose(disclosure).wait().unwrap();
    for (content, (subject, person, version)) in contents.into_iter().zip(people) {
        let expected = if *version == person.version {
            person.mail
        } else {
            assert_eq!(*version, person.version + 1, "{subject}");
            person.perhaps_mail.expect("a version that nobody wrote")
        };
        let mail = &content.open(&receipt).unwrap().0[&fields[0]];
        assert_eq!(mail, &json!(format!("client{expected}@example.fr")), "{subject}");
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
