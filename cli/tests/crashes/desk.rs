//! An application at work, which writes down what it was answered. Its deeds end when the server is gone.

use std::io;

use serde_json::json;

use crate::caller::{Answer, Caller};
use crate::dice::Dice;
use crate::journal::{Entry, Event, Journal};

/// One application, at a server that may go at any moment.
pub(crate) struct Desk<'j> {
    caller: Caller,
    journal: &'j Journal,
    /// Its own records with their versions and addresses; what it erased is not among them.
    records: Vec<(String, u64, String)>,
    /// A name that no other desk gives.
    name: String,
    count: usize,
}

/// Answers of success pass; a refusal, as a vault in trouble gives one, says why and ends the deed.
fn answered(answer: Answer) -> io::Result<Answer> {
    match answer.status {
        200..=299 => Ok(answer),
        503 => Err(io::Error::other(answer.problem(503))),
        other => panic!("{other}: {answer:?}"),
    }
}

impl<'j> Desk<'j> {
    pub(crate) fn new(caller: Caller, journal: &'j Journal, name: &str) -> Self {
        Self { caller, journal, records: Vec::new(), name: name.to_owned(), count: 0 }
    }

    /// One of its records.
    pub(crate) fn any(&self, dice: &mut Dice) -> usize {
        dice.below(self.records.len())
    }

    fn next_name(&mut self) -> String {
        self.count += 1;
        let other = ["Lefèvre", "Martin", "Nguyen", "Ó Brien"][self.count % 4].repeat(self.count % 7 + 1);
        format!("{} {other} {}", self.name, self.count)
    }

    pub(crate) fn create(&mut self) -> io::Result<()> {
        let name = self.next_name();
        let email = format!("{}-{}@example.fr", self.name.to_lowercase(), self.count);
        let body = json!({"contact": {"family_name": name, "given_name": "Anne", "email": email}});
        let path = "/v1/records/policyholder?purpose=contract-administration";
        let answer = answered(self.caller.send("POST", path, "", &body)?)?;
        let record = format!("/v1/records/policyholder/{}", answer.json()["id"].as_str().expect("an identifier"));
        self.records.push((record.clone(), 1, email.clone()));
        self.journal.add(Event::Created { record, name, email, entry: Entry::of(&answer, "create") });
        Ok(())
    }

    pub(crate) fn change(&mut self, which: usize) -> io::Result<()> {
        let name = self.next_name();
        let (record, version, _) = self.records[which].clone();
        self.journal.add(Event::Changing { record: record.clone(), name: name.clone() });
        let path = format!("{record}?purpose=contract-administration");
        let headers = format!("If-Match: \"{version}\"\r\nContent-Type: application/merge-patch+json\r\n");
        let body = json!({"contact.family_name": name}).to_string();
        let answer = answered(self.caller.ask("PATCH", &path, &headers, body.as_bytes())?)?;
        self.records[which].1 = version + 1;
        let entry = Entry::of(&answer, "amend");
        self.journal.add(Event::Changed { record, version: version + 1, name, entry });
        Ok(())
    }

    pub(crate) fn read(&self, which: usize) -> io::Result<()> {
        let (record, version, _) = &self.records[which];
        let answer = answered(self.caller.family_name(record)?)?;
        assert_eq!(answer.json()["version"], *version, "what was answered last is not what is read: {answer:?}");
        self.journal.add(Event::Told { entry: Entry::of(&answer, "read") });
        Ok(())
    }

    fn find(&self, which: usize) -> io::Result<()> {
        let question = json!({
            "index": "contact.email", "value": self.records[which].2, "fields": ["contact.email"],
            "purpose": "contract-administration",
        });
        let answer = answered(self.caller.send("POST", "/v1/records/policyholder/search", "", &question)?)?;
        self.journal.add(Event::Told { entry: Entry::of(&answer, "search") });
        Ok(())
    }

    pub(crate) fn store(&mut self, which: usize, length: usize) -> io::Result<()> {
        let record = self.records[which].0.clone();
        let content = self.next_name().repeat(length / 8);
        let answer = answered(self.caller.upload(&record, content.as_bytes())?)?;
        let document = answer.header("location").expect("where it is").to_owned();
        let entry = Entry::of(&answer, "upload-document");
        self.journal.add(Event::Stored { record, document, content, entry });
        Ok(())
    }

    /// Has a record erased: one operator proposes, another one confirms.
    pub(crate) fn erase(&mut self, which: usize) -> io::Result<()> {
        self.propose_erasure(which)?;
        self.confirm_erasure(which)
    }

    pub(crate) fn propose_erasure(&self, which: usize) -> io::Result<()> {
        let proposed = self.for_request("a.martin", &self.records[which].0, "erase")?;
        self.journal.add(Event::Told { entry: Entry::of(&proposed, "propose-erasure") });
        Ok(())
    }

    pub(crate) fn confirm_erasure(&mut self, which: usize) -> io::Result<()> {
        let (record, ..) = self.records.swap_remove(which);
        self.journal.add(Event::Erasing { record: record.clone() });
        let erased = self.for_request("b.durand", &record, "erase/confirm")?;
        self.journal.add(Event::Erased { record, entry: Entry::of(&erased, "erase") });
        Ok(())
    }

    fn for_request(&self, operator: &'static str, record: &str, step: &str) -> io::Result<Answer> {
        let path = format!("{record}/{step}?purpose=data-subject-request&reason=letter");
        answered(self.caller.for_operator(operator).ask("POST", &path, "", b"")?)
    }

    /// One deed of the usual mixture.
    pub(crate) fn one(&mut self, dice: &mut Dice) -> io::Result<()> {
        if self.records.len() < 2 {
            return self.create();
        }
        let which = self.any(dice);
        match dice.below(20) {
            0..5 => self.create(),
            5..11 => self.change(which),
            11..15 => self.read(which),
            15..17 => self.find(which),
            17..19 => self.store(which, 20_000),
            _ => self.erase(which),
        }
    }

    /// Works until the server is gone, or has refused, or until told.
    pub(crate) fn work(mut self, seed: u64, stop: &std::sync::atomic::AtomicBool) {
        let mut dice = Dice::new(seed);
        while !stop.load(std::sync::atomic::Ordering::SeqCst) && self.one(&mut dice).is_ok() {}
    }
}
