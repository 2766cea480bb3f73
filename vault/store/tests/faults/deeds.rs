//! What the killed process does, and how it tells of it: one line before each deed and one when the deed
//! is acknowledged, which its parent reads back into what must be there.

use std::collections::BTreeMap;
use std::io::Write;

use coffre_core::audit::{Action, Draft};
use coffre_core::ids::{DocumentId, GrantId, RequestId, SubjectId};
use coffre_store::transactions::{
    AddDocument, AmendRecord, EraseSubject, GiveGrant, ImportItem, ImportRecords, WithdrawGrant,
};
use coffre_store::{Depends, Disclosure, Receipt, Store, Transaction};
use serde_json::json;

use crate::child::say;
use crate::dice::Dice;
use crate::grants::consent;
use crate::papers::content;
use crate::support::{draft, kind, path, sample};

/// A person as the acknowledgements describe it; what the last deed may have done beside it is `perhaps`.
#[derive(Default, Debug)]
pub(crate) struct Person {
    pub(crate) mail: u32,
    pub(crate) version: u32,
    pub(crate) documents: BTreeMap<(DocumentId, u32), u32>,
    pub(crate) grants: BTreeMap<GrantId, bool>,
    pub(crate) erased: bool,
    pub(crate) perhaps_mail: Option<u32>,
    pub(crate) perhaps_erased: bool,
}

/// Everything that was acknowledged.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) people: BTreeMap<SubjectId, Person>,
    pub(crate) entries: BTreeMap<u64, RequestId>,
}

impl Known {
    /// Takes in one line; says whether it acknowledges something.
    pub(crate) fn hear(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |n: usize| words[n].parse::<u32>().unwrap();
        let subject = || words[1].parse::<SubjectId>().unwrap();
        match words[0] {
            "amending" => self.person(subject()).perhaps_mail = Some(number(2)),
            "erasing" => self.person(subject()).perhaps_erased = true,
            "imported" => {
                let person = Person { mail: number(2), version: 1, ..Person::default() };
                self.people.insert(subject(), person);
                self.stored(subject(), &words[3..]);
            }
            "stored" => self.stored(subject(), &words[2..]),
            "amended" => {
                let (mail, version) = (number(2), number(3));
                let person = self.person(subject());
                (person.mail, person.version, person.perhaps_mail) = (mail, version, None);
            }
            "given" => drop(self.person(subject()).grants.insert(words[2].parse().unwrap(), false)),
            "withdrawn" => drop(self.person(subject()).grants.insert(words[2].parse().unwrap(), true)),
            "erased" => self.person(subject()).erased = true,
            "entry" => drop(self.entries.insert(u64::from(number(1)), words[2].parse().unwrap())),
            _ => return false,
        }
        words[0] == "entry"
    }

    fn person(&mut self, subject: SubjectId) -> &mut Person {
        self.people.get_mut(&subject).unwrap()
    }

    fn stored(&mut self, subject: SubjectId, words: &[&str]) {
        let document = (words[0].parse().unwrap(), words[1].parse().unwrap());
        self.person(subject).documents.insert(document, words[2].parse().unwrap());
    }
}

/// One thread of the killed process: deeds on people of its own, without end.
pub(crate) struct Doer<'s> {
    store: &'s Store,
    dice: Dice,
    people: Vec<Own>,
    next: u32,
}

struct Own {
    subject: SubjectId,
    version: u32,
    document: (DocumentId, u32),
    grant: Option<GrantId>,
}

impl<'s> Doer<'s> {
    /// Numbers from `first` on are this doer's.
    pub(crate) const fn new(store: &'s Store, dice: Dice, first: u32) -> Self {
        Self { store, dice, people: Vec::new(), next: first }
    }

    pub(crate) fn do_something(&mut self) {
        self.next += 1;
        if self.people.is_empty() {
            return self.import();
        }
        let at = self.dice.below(self.people.len());
        match self.dice.below(12) {
            0..3 => self.import(),
            3..5 => self.store_document(at),
            5..7 => self.amend(at),
            7..9 => self.change_consent(at),
            9..11 => self.read(at),
            _ => self.erase(at),
        }
    }

    fn transact<T: Transaction>(&self, transaction: T, base: Draft) -> (T::Output, Entry) {
        let request = base.request;
        let answer = self.store.transact(transaction, base, None, Depends::default()).wait();
        let (output, receipt) = answer.map_err(|error| error.to_string()).unwrap();
        (output, Entry { request, receipt })
    }

    fn import(&mut self) {
        let subject = self.store.new_subject();
        let mut writer = self.store.stage_for_new(&kind(), &subject, "contrat.pdf", "application/pdf").unwrap();
        writer.write_all(&content(self.next, 3_000)).unwrap();
        let staged = writer.finish().unwrap();
        let (id, document) = (subject.id, (staged.id(), 1));
        let item = ImportItem::New { subject, fields: sample(self.next), documents: vec![staged], grants: Vec::new() };
        let import = ImportRecords { record_type: kind(), items: vec![item] };
        let ((), entry) = self.transact(import, draft(Action::Import));
        say(&format!("imported {id} {} {} {} {}", self.next, document.0, document.1, self.next));
        entry.tell();
        self.people.push(Own { subject: id, version: 1, document, grant: None });
    }

    fn store_document(&mut self, at: usize) {
        let subject = self.people[at].subject;
        let replaces = (self.dice.below(2) == 0).then_some(self.people[at].document.0);
        let mut writer = self.store.stage_document(&kind(), subject, replaces, "x.pdf", "application/pdf").unwrap();
        writer.write_all(&content(self.next, 3_000)).unwrap();
        let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
        let (document, entry) = self.transact(add, draft(Action::UploadDocument));
        say(&format!("stored {subject} {} {} {}", document.0, document.1, self.next));
        entry.tell();
        self.people[at].document = document;
    }

    fn amend(&mut self, at: usize) {
        let (subject, expected_version) = (self.people[at].subject, self.people[at].version);
        let mail = json!(format!("client{}@example.fr", self.next));
        let changes = [(path("contact.email"), Some(mail))].into();
        say(&format!("amending {subject} {}", self.next));
        let amend = AmendRecord { record_type: kind(), subject, expected_version, changes };
        let (version, entry) = self.transact(amend, draft(Action::Amend));
        say(&format!("amended {subject} {} {version}", self.next));
        entry.tell();
        self.people[at].version = version;
    }

    fn change_consent(&mut self, at: usize) {
        let subject = self.people[at].subject;
        if let Some(grant) = self.people[at].grant.take() {
            let (_, entry) = self.transact(WithdrawGrant { grant }, draft(Action::WithdrawGrant));
            say(&format!("withdrawn {subject} {grant}"));
            entry.tell();
        } else {
            let give = GiveGrant { record_type: kind(), subject, terms: consent(None) };
            let (grant, entry) = self.transact(give, draft(Action::GiveGrant));
            say(&format!("given {subject} {}", grant.id));
            entry.tell();
            self.people[at].grant = Some(grant.id);
        }
    }

    fn read(&self, at: usize) {
        let mut entry = draft(Action::Read);
        (entry.record_type, entry.subjects) = (Some(kind()), vec![self.people[at].subject]);
        let request = entry.request;
        let reason = Some("rappel".to_owned());
        let disclosure = Disclosure { draft: entry, reason, claims: Vec::new(), depends: Depends::default() };
        let receipt = self.store.disclose(disclosure).wait().unwrap();
        Entry { request, receipt }.tell();
    }

    fn erase(&mut self, at: usize) {
        let subject = self.people.swap_remove(at).subject;
        say(&format!("erasing {subject}"));
        let erase = EraseSubject { record_type: kind(), subject, remember: vec![path("legacy.client_number")] };
        let ((), entry) = self.transact(erase, draft(Action::Erase));
        say(&format!("erased {subject}"));
        entry.tell();
    }
}

/// The first entry of a deed.
struct Entry {
    request: RequestId,
    receipt: Receipt,
}

impl Entry {
    fn tell(&self) {
        say(&format!("entry {} {}", self.receipt.index(), self.request));
    }
}
