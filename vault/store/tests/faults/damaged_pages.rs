//! A page that was changed on the disk: what stands on it is told to be damaged, every time, and everything else
//! is served for ever after, with one reader for all. SQLCipher's connections are good for nothing once they
//! met such a page; nobody is to notice.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use coffre_core::audit::Action;
use coffre_core::ids::SubjectId;
use coffre_core::record::Fields;
use coffre_store::transactions::{AmendRecord, CreateRecord, GiveGrant};
use coffre_store::{CommitError, Depends, Identity, Layout, OpenOptions as Options, ReadError, Store, Unavailable};
use serde_json::json;

use crate::grants::consent;
use crate::support::{create, draft, kind, make, note, open, options, path, read, sample};
use crate::told;

const PAGE: u64 = 4096;

/// Changes one byte in the middle of a page, counted from 1.
pub(crate) fn flip(file: &Path, page: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let at = (page - 1) * PAGE + PAGE / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

pub(crate) fn pages(file: &Path) -> u64 {
    File::open(file).unwrap().metadata().unwrap().len() / PAGE
}

fn open_with_one_reader(dir: &Path) -> Store {
    let vault = dir.join("vault");
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    Store::open(&vault, &identity, &Options { readers: 1, ..options() }).unwrap()
}

/// A vault of people whose e-mail address needs two pages.
struct House {
    dir: tempfile::TempDir,
    people: Vec<Person>,
}

#[derive(Clone, Copy)]
struct Person {
    subject: SubjectId,
    number: u32,
}

impl Person {
    fn address(self) -> serde_json::Value {
        json!(format!("{} ", self.number).repeat(1_000))
    }
}

/// A damaged page, who stands on it, and who does not.
struct Damage {
    page: u64,
    hit: Vec<Person>,
    others: Vec<Person>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let store = open(dir.path());
        let person = |number| {
            let new = store.new_subject();
            let person = Person { subject: new.id, number };
            let fields = Fields([(path("contact.email"), person.address())].into());
            let create = CreateRecord { record_type: kind(), subject: new, fields };
            store.transact(create, draft(Action::Create), None, Depends::default()).wait().unwrap();
            person
        };
        let people = (100..140).map(person).collect();
        drop(store); // takes the write-ahead log into the file
        Self { dir, people }
    }

    fn damage(&self, page: u64) {
        flip(&self.dir.path().join("vault/vault.db"), page);
    }

    /// Damages a page that a few people's values stand on, and some do not even come near to: SQLite reads the
    /// values of those beside whom it looks for.
    fn damage_somebody(&self, not: u64) -> Damage {
        for page in not + 1..pages(&self.dir.path().join("vault/vault.db")) {
            self.damage(page);
            let vault = self.dir.path().join("vault");
            let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
            if let Ok(store) = Store::open(&vault, &identity, &Options { readers: 1, ..options() }) {
                let (others, hit): (Vec<Person>, Vec<Person>) =
                    self.people.iter().partition(|one| is_read(&store, one.subject, &one.address()));
                if (1..10).contains(&hit.len()) {
                    return Damage { page, hit, others };
                }
            }
            self.damage(page); // and back again
        }
        unreachable!("no page is of a few people alone");
    }

    fn read_all(store: &Store, people: &[Person]) {
        for person in people {
            Self::read(store, person);
        }
    }

    fn read(store: &Store, person: &Person) {
        let fields = read(store, person.subject, &["contact.email"]);
        assert_eq!(fields.0[&path("contact.email")], person.address());
    }
}

#[test]
fn what_stands_on_a_damaged_page_is_told_and_all_else_is_served_for_ever() {
    let house = House::new();
    let mail = [path("contact.email")];
    let mut last = 1;
    for _ in 0..4 {
        let Damage { page, hit, others } = house.damage_somebody(last);
        let store = open_with_one_reader(house.dir.path());
        for person in hit.iter().cycle().take(12) {
            let snapshot = store.snapshot().unwrap();
            assert!(snapshot.record(&kind(), person.subject).unwrap().is_some(), "its row is sound");
            let error = snapshot.fields(&kind(), person.subject, &mail).map(drop).unwrap_err();
            assert!(matches!(error, ReadError::Damaged { file: "vault.db", .. }), "page {page}: {}", told(&error));
            assert!(told(&error).contains("a page of vault.db is damaged") && told(&error).contains("restore"));
            // Nothing else that this view could answer would be worth anything.
            assert!(snapshot.record(&kind(), others[0].subject).is_err(), "an absent record");
            assert!(snapshot.grants(person.subject).is_err() && snapshot.records(&kind(), None, 9).is_err());
            assert!(snapshot.was_erased(&options().indexes[1], "nobody@example.fr").is_err());
            assert!(snapshot.find(&options().indexes[1], "nobody@example.fr", 9).is_err(), "an empty search");
            drop(snapshot);
            House::read_all(&store, &others);
        }
        assert_eq!(store.readiness(), Ok(()));
        drop(store);
        house.damage(page);
        last = page;
    }
    let store = open_with_one_reader(house.dir.path());
    House::read_all(&store, &house.people);
}

#[test]
fn a_write_that_meets_a_damaged_page_fails_and_the_vault_goes_on() {
    let house = House::new();
    let Damage { page, hit, others } = house.damage_somebody(1);
    let store = open_with_one_reader(house.dir.path());
    for person in &hit {
        let changes = [(path("contact.email"), Some(json!("new@example.fr")))].into();
        let amend = AmendRecord { record_type: kind(), subject: person.subject, expected_version: 1, changes };
        let answer = store.transact(amend, draft(Action::Amend), None, Depends::default()).wait();
        assert!(matches!(answer, Err(CommitError::Unavailable(_))), "{:?}", answer.map(drop));
        for other in &others {
            let give = GiveGrant { record_type: kind(), subject: other.subject, terms: consent(None) };
            store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
            House::read(&store, other);
        }
        assert_eq!(store.readiness(), Ok(()));
    }
    drop(store);
    house.damage(page);
    let store = open_with_one_reader(house.dir.path());
    House::read_all(&store, &house.people);
    let snapshot = store.snapshot().unwrap();
    assert!(hit.iter().all(|one| snapshot.record(&kind(), one.subject).unwrap().unwrap().version == 1));
    assert!(others.iter().all(|one| snapshot.grants(one.subject).unwrap().len() == hit.len()));
}

/// An index that is built anew is made of everybody, and comes across every page.
#[test]
fn an_index_that_cannot_be_built_anew_keeps_searches_waiting_and_nobody_else() {
    let house = House::new();
    let Damage { hit, others, .. } = house.damage_somebody(1);
    std::fs::remove_file(house.dir.path().join("vault/index.db")).unwrap();
    let store = open_with_one_reader(house.dir.path());
    for other in &others {
        let give = GiveGrant { record_type: kind(), subject: other.subject, terms: consent(None) };
        store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap();
        House::read(&store, other);
    }
    let found = store.snapshot().unwrap().find(&options().indexes[1], "nobody@example.fr", 9);
    assert!(matches!(found, Err(ReadError::Unavailable(Unavailable::Index))), "{found:?}");
    assert!(!is_read(&store, hit[0].subject, &hit[0].address()));
    assert_eq!(store.readiness(), Ok(()));
}

/// Whatever page is damaged: each record is answered as it was stored or by an error, the same in every round.
#[test]
fn no_page_of_the_records_can_be_damaged_so_that_a_wrong_answer_is_given() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let people: Vec<_> = (0..40).map(|number| (create(&store, number), number)).collect();
    drop(store);
    let file = dir.path().join("vault/vault.db");
    let address = |number: u32| sample(number).0[&path("contact.email")].clone();
    let round =
        |store: &Store| people.iter().map(|(subject, number)| is_read(store, *subject, &address(*number))).collect();
    let (mut refused, mut failing) = (0, 0);
    for page in 2..=pages(&file) {
        flip(&file, page);
        let vault = dir.path().join("vault");
        let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
        match Store::open(&vault, &identity, &Options { readers: 1, ..options() }) {
            Err(error) => {
                assert!(told(&error).contains("is not the one that was written last"), "{}", told(&error));
                refused += 1;
            }
            Ok(store) => {
                let rounds: Vec<Vec<bool>> = (0..3).map(|_| round(&store)).collect();
                assert!(rounds.iter().all(|round| *round == rounds[0]), "page {page}: damage spreads");
                failing += rounds[0].iter().filter(|read| !**read).count();
            }
        }
        flip(&file, page);
    }
    assert!(refused + failing > 0, "no page of {} mattered", pages(&file));
    let store = open(dir.path());
    let whole: Vec<bool> = round(&store);
    assert!(whole.into_iter().all(|read| read));
}

/// Whether a record is read, as it was stored; otherwise an error says that something is damaged.
fn is_read(store: &Store, subject: SubjectId, address: &serde_json::Value) -> bool {
    let mail = [path("contact.email")];
    let fields = store.snapshot().and_then(|snapshot| {
        assert_ne!(snapshot.record(&kind(), subject).ok(), Some(None), "a stored record is not known");
        snapshot.fields(&kind(), subject, &mail)
    });
    match fields {
        Ok(fields) => {
            let receipt = note(store, subject, &mail, &fields).unwrap();
            assert_eq!(&fields.open(&receipt).unwrap().0[&mail[0]], address);
            true
        }
        Err(error) => {
            assert!(told(&error).contains("damaged") || told(&error).contains("could not be read"), "{}", told(&error));
            false
        }
    }
}
