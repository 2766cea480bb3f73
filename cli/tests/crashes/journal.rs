//! What applications were answered, and what they asked for without having an answer: the promise that a vault is held to
//! after whatever happened to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};

/// An entry of the log that an answer named.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    index: u64,
    request: String,
    action: String,
}

impl Entry {
    pub(crate) fn of(answer: &Answer, action: &str) -> Self {
        let header = |name| answer.header(name).expect("an answer names its entry").to_owned();
        let index = header("coffre-audit-entry").parse().expect("an index");
        Self { index, request: header("coffre-request"), action: action.to_owned() }
    }
}

/// One thing that an application knows, in the order in which it came to know it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    /// It is about to ask for another name.
    Changing {
        record: String,
        name: String,
    },
    /// It is about to have the record erased.
    Erasing {
        record: String,
    },
    Created {
        record: String,
        name: String,
        email: String,
        entry: Entry,
    },
    Changed {
        record: String,
        version: u64,
        name: String,
        entry: Entry,
    },
    Stored {
        record: String,
        document: String,
        content: String,
        entry: Entry,
    },
    Erased {
        record: String,
        entry: Entry,
    },
    /// A reading, a search, or a proposal: it leaves an entry and nothing else.
    Told {
        entry: Entry,
    },
}

/// Events as they come, from several applications, and what was known before.
#[derive(Default)]
pub(crate) struct Journal {
    before: Known,
    events: Mutex<Vec<Event>>,
    /// The recording that they are marked in.
    log: Option<Mutex<File>>,
}

impl Journal {
    /// Marks every event in a recording too: after it, everything that it rests on.
    pub(crate) fn marking(log: &std::path::Path) -> Self {
        let log = File::options().append(true).create(true).open(log).expect("it can be written");
        Self { log: Some(Mutex::new(log)), ..Self::default() }
    }

    /// Goes on from what is known.
    pub(crate) fn going_on(known: &Known) -> Self {
        Self { before: known.clone(), ..Self::default() }
    }

    pub(crate) fn add(&self, event: Event) {
        if let Some(log) = &self.log {
            let line = format!("event\t{}\n", serde_json::to_string(&event).expect("text"));
            log.lock().unwrap().write_all(line.as_bytes()).expect("written");
        }
        self.events.lock().unwrap().push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.events.lock().unwrap().len()
    }

    pub(crate) fn known(&self) -> Known {
        let mut known = self.before.clone();
        self.events.lock().unwrap().iter().for_each(|event| known.learn(event));
        known
    }
}

/// What is known of one record.
#[derive(Debug, Clone)]
struct Record {
    version: u64,
    name: String,
    email: String,
    /// What was asked for last, answered or not.
    perhaps: String,
    documents: BTreeMap<String, String>,
    erasing: bool,
    erased: bool,
}

/// How many look at a vault at a time.
const AT_A_TIME: usize = 8;

/// All that applications know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    records: BTreeMap<String, Record>,
    entries: BTreeMap<u64, Entry>,
}

impl Known {
    pub(crate) fn learn(&mut self, event: &Event) {
        let entry = match event {
            Event::Changing { record, name } => {
                name.clone_into(&mut self.of(record).perhaps);
                return;
            }
            Event::Erasing { record } => {
                self.of(record).erasing = true;
                return;
            }
            Event::Created { record, name, email, entry } => {
                let (name, perhaps, email) = (name.clone(), name.clone(), email.clone());
                let documents = BTreeMap::new();
                let new = Record { version: 1, name, email, perhaps, documents, erasing: false, erased: false };
                self.records.insert(record.clone(), new);
                entry
            }
            Event::Changed { record, version, name, entry } => {
                let known = self.of(record);
                (known.version, known.name) = (*version, name.clone());
                entry
            }
            Event::Stored { record, document, content, entry } => {
                self.of(record).documents.insert(document.clone(), content.clone());
                entry
            }
            Event::Erased { record, entry } => {
                self.of(record).erased = true;
                entry
            }
            Event::Told { entry } => entry,
        };
        self.entries.insert(entry.index, entry.clone());
    }

    fn of(&mut self, record: &str) -> &mut Record {
        self.records.get_mut(record).expect("it was created before")
    }

    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// How many entries are of an action.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.entries.values().filter(|entry| entry.action == action).count()
    }

    /// What of it a vault does not have, or has otherwise.
    pub(crate) fn missing(&self, desk: &Caller, dpo: &Caller) -> Result<(), String> {
        let log = log(dpo);
        for (index, entry) in &self.entries {
            let found = log.get(index).ok_or_else(|| format!("entry {index} ({}) is gone", entry.action))?;
            if (&found["request"], &found["action"]) != (&json!(entry.request), &json!(entry.action)) {
                return Err(format!("entry {index} is of another access: {found}, not {entry:?}"));
            }
        }
        // Many ask at a time, so that one commit of the vault answers many.
        let records: Vec<_> = self.records.iter().collect();
        let some = records.len().div_ceil(AT_A_TIME).max(1);
        let written = writes(&log);
        std::thread::scope(|scope| {
            let look = |some: &[(&String, &Record)]| {
                some.iter().try_for_each(|(path, record)| record.missing(path, desk, written.get(id(path)).copied()))
            };
            let asking: Vec<_> = records.chunks(some).map(|some| scope.spawn(move || look(some))).collect();
            asking.into_iter().try_for_each(|looked| looked.join().expect("it only looks"))
        })
    }
}

impl Record {
    /// What of it a vault does not have, whose log says so often that it was written.
    fn missing(&self, path: &str, desk: &Caller, written: Option<u64>) -> Result<(), String> {
        let found = desk.family_name(path).map_err(|error| format!("{path}: {error}"))?;
        if found.status == 404 && (self.erased || self.erasing) {
            return match self.hits(path, desk)? {
                0 => Ok(()),
                hits => Err(format!("{path}: it is erased, and by its address there are {hits}")),
            };
        }
        if found.status != 200 || self.erased {
            return Err(format!("{path}: {} {}, erased: {}", found.status, found.text(), self.erased));
        }
        let found = found.json();
        let (name, version) = (&found["fields"]["contact.family_name"], found["version"].as_u64().unwrap_or_default());
        // The last change may be there without having been answered: then it is there whole.
        let whole = (version == self.version && *name == self.name.as_str())
            || (version == self.version + 1 && *name == self.perhaps.as_str());
        if !whole {
            return Err(format!("{path}: version {} {:?} was answered, there is {found}", self.version, self.name));
        }
        // A write and its entry are there together or not at all.
        if written != Some(version) {
            return Err(format!("{path}: there is version {version}, and the log has {written:?} writes"));
        }
        for (document, content) in &self.documents {
            let read = desk.get(&format!("{document}?purpose=contract-administration"));
            if read.status != 200 || read.text() != content {
                return Err(format!("{path}: document {document}: {}", read.status));
            }
        }
        match self.hits(path, desk)? {
            1 => Ok(()),
            hits => Err(format!("{path}: by its address there are {hits}")),
        }
    }

    /// How many records are found by its address, which no other one has.
    fn hits(&self, path: &str, desk: &Caller) -> Result<usize, String> {
        let question = json!({
            "index": "contact.email", "value": self.email, "fields": ["contact.email"],
            "purpose": "contract-administration",
        });
        let found = desk.send("POST", "/v1/records/policyholder/search", "", &question).map_err(|e| e.to_string())?;
        let found = found.json();
        found["hits"].as_array().map(Vec::len).ok_or_else(|| format!("{path}: nobody can be looked for: {found}"))
    }
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// How often each record was written, as a log says.
fn writes(log: &BTreeMap<u64, Value>) -> BTreeMap<&str, u64> {
    let mut writes = BTreeMap::new();
    for entry in log.values().filter(|entry| entry["decision"] == "allow") {
        if entry["action"] == "create" || entry["action"] == "amend" {
            for subject in entry["subjects"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                *writes.entry(subject).or_default() += 1;
            }
        }
    }
    writes
}

/// Every entry of the log, by its index.
fn log(dpo: &Caller) -> BTreeMap<u64, Value> {
    let (mut entries, mut place) = (BTreeMap::new(), Some("from=0".to_owned()));
    while let Some(here) = place {
        let page = dpo.get(&format!("/v1/audit/entries?{here}&limit=1000")).json();
        for logged in page["entries"].as_array().into_iter().flatten() {
            entries.insert(logged["index"].as_u64().expect("an index"), logged["entry"].clone());
        }
        place = page["next"].as_str().map(|next| format!("after={next}"));
    }
    entries
}

/// When each entry of the log was made, in their order.
pub(crate) fn times(dpo: &Caller) -> Vec<String> {
    log(dpo).into_values().map(|entry| entry["time"].as_str().expect("a time").to_owned()).collect()
}
