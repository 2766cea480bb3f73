//! `kill -9` of the server while applications write and read over HTTP: whatever was answered is there afterwards with
//! its entry, as it was answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::server::{Server, until};
use crate::transcript;

const ROUNDS: usize = 6;
const DESKS: usize = 4;

/// What one application was answered.
#[derive(Default)]
struct Known {
    /// Each record's version and name, and the name that was asked for last.
    records: BTreeMap<String, (u64, String, String)>,
    /// Entries by their index: the request and the action.
    entries: BTreeMap<u64, (String, &'static str)>,
}

impl Known {
    fn entry(&mut self, answer: &Answer, action: &'static str) {
        let index = answer.header("coffre-audit-entry").expect("its entry").parse().expect("an index");
        let request = answer.header("coffre-request").expect("its identifier").to_owned();
        self.entries.insert(index, (request, action));
    }
}

/// Creates, changes and reads records until the server is gone.
fn work(desk: &Caller, number: usize, known: &Mutex<Known>, answered: &AtomicUsize) {
    let mut turn = 0;
    let mut records: Vec<String> = Vec::new();
    loop {
        turn += 1;
        let name = format!("Nom {}", ["A", "B", "C", "D"][number].repeat(turn % 40 + 1));
        let done = if turn % 3 == 1 {
            desk.create(&name).map(|answer| created(&answer, &name, known, &mut records))
        } else if turn % 3 == 2 {
            change(desk, &records[turn % records.len()], &name, known)
        } else {
            let record = &records[turn % records.len()];
            desk.family_name(record).map(|answer| {
                assert_eq!(answer.status, 200, "{answer:?}");
                known.lock().unwrap().entry(&answer, "read");
            })
        };
        if done.is_err() {
            return;
        }
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

fn created(answer: &Answer, name: &str, known: &Mutex<Known>, records: &mut Vec<String>) {
    assert_eq!(answer.status, 201, "{answer:?}");
    let record = format!("/v1/records/policyholder/{}", answer.json()["id"].as_str().expect("an identifier"));
    let mut known = known.lock().unwrap();
    known.entry(answer, "create");
    known.records.insert(record.clone(), (1, name.to_owned(), name.to_owned()));
    records.push(record);
}

fn change(desk: &Caller, record: &str, name: &str, known: &Mutex<Known>) -> std::io::Result<()> {
    let version = {
        let mut known = known.lock().unwrap();
        let state = known.records.get_mut(record).expect("it was created");
        name.clone_into(&mut state.2);
        state.0
    };
    let path = format!("{record}?purpose=contract-administration");
    let seen = format!("If-Match: \"{version}\"\r\nContent-Type: application/merge-patch+json\r\n");
    let answer = desk.ask("PATCH", &path, &seen, json!({"contact.family_name": name}).to_string().as_bytes())?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut known = known.lock().unwrap();
    known.entry(&answer, "amend");
    let state = known.records.get_mut(record).expect("it was created");
    (state.0, state.1) = (version + 1, name.to_owned());
    Ok(())
}

fn add(folder: &std::path::Path, name: &str, role: &str) -> String {
    let output =
        transcript::run(folder, &[], &["application", "add", name, "--role", role, "--vault", "vault", "--json"]);
    let added: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    added["token"].as_str().expect("a token").to_owned()
}

/// Every entry of the log, by its index.
fn log(dpo: &Caller) -> BTreeMap<u64, Value> {
    let (mut entries, mut place) = (BTreeMap::new(), Some("from=0".to_owned()));
    while let Some(here) = place {
        let page = dpo.get(&format!("/v1/audit/entries?{here}&limit=1000")).json();
        for logged in page["entries"].as_array().expect("a list") {
            entries.insert(logged["index"].as_u64().expect("an index"), logged["entry"].clone());
        }
        place = page["next"].as_str().map(|next| format!("after={next}"));
    }
    entries
}

#[test]
fn what_was_answered_is_there_after_a_kill_with_its_entry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let (desk, dpo) = (add(folder.path(), "desk", "legal"), add(folder.path(), "dpo", "dpo"));
    let known = Mutex::new(Known::default());
    for round in 0..ROUNDS {
        let server = Server::start(folder.path());
        let answered = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..DESKS {
                let (caller, known, answered) = (server.caller(&desk), &known, &answered);
                scope.spawn(move || work(&caller, number, known, answered));
            }
            until("some requests are answered", || answered.load(Ordering::SeqCst) > 30 + round * 17);
            // Not at an answer, which is the end of a commit, but some time into the next ones.
            let moment = Instant::now() + Duration::from_micros(700 * round as u64);
            while Instant::now() < moment {
                std::hint::spin_loop();
            }
            server.kill();
        });
        let server = Server::start(folder.path());
        everything_answered_is_there(&server.caller(&desk), &server.caller(&dpo), &mut known.lock().unwrap());
        server.kill();
    }
    let known = known.into_inner().unwrap();
    let count = |action| known.entries.values().filter(|(_, done)| *done == action).count();
    assert!(count("create") > 50 && count("amend") > 50 && count("read") > 50, "hardly anything was done");
    let verified = transcript::of(folder.path(), &["audit", "verify", "--vault", "vault"]);
    assert!(verified.ends_with("exit 0\n"), "{verified}");
}

fn everything_answered_is_there(desk: &Caller, dpo: &Caller, known: &mut Known) {
    let entries = log(dpo);
    for (index, (request, action)) in &known.entries {
        let entry = &entries[index];
        assert_eq!((&entry["request"], &entry["action"]), (&json!(request), &json!(action)), "entry {index}");
    }
    let mut read = BTreeMap::new();
    for (record, (version, name, perhaps)) in &mut known.records {
        let found = desk.family_name(record).expect("it answers").json();
        let (there, now) = (&found["fields"]["contact.family_name"], found["version"].as_u64().expect("a version"));
        // The last change may be there without having been answered: then it is there whole.
        let whole = (now == *version && there == name) || (now == *version + 1 && there == perhaps);
        assert!(whole, "{record}: version {version} {name:?} or {perhaps:?}, found {found}");
        read.insert(record.clone(), (now, there.as_str().expect("a name").to_owned()));
    }
    for (record, (version, name)) in read {
        known.records.insert(record, (version, name.clone(), name));
    }
}
