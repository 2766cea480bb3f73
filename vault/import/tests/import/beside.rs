//! What others do with the vault while an import goes on: none of it is the import's doing.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use coffre_core::audit::Action;
use coffre_import::{Admission, Admitting, DocumentBodies, ImportTarget, Known, Outcome, TargetError};
use coffre_store::Depends;
use coffre_store::transactions::{AmendRecord, EraseSubject};
use serde_json::json;

use crate::real_vault::{Vault, draft, subject};
use crate::support::{MemoryVault, SharedVault, Source, run_into};

/// A vault with which somebody works just before what was brought is read back.
struct Busy {
    vault: SharedVault,
    work: fn(&mut MemoryVault),
}

impl ImportTarget for Busy {
    fn find(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        self.vault.find(keys)
    }

    fn admit(&self, batch: &[Admission], bodies: &dyn DocumentBodies) -> Result<Admitting, TargetError> {
        self.vault.admit(batch, bodies)
    }

    fn read_back(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        (self.work)(&mut self.vault.lock());
        self.vault.read_back(keys)
    }
}

#[test]
fn what_is_changed_or_erased_meanwhile_is_no_fault_of_the_import() {
    let source = Source::of(3);
    let work = |vault: &mut MemoryVault| {
        let changed = vault.records.get_mut("00000000").unwrap();
        changed.fields.0.insert("contact.email".parse().unwrap(), json!("autre@example.fr"));
        changed.version += 1;
        vault.erased.insert("00000001".to_owned());
    };
    let vault = Busy { vault: SharedVault::of(MemoryVault::new()), work };
    let ran = run_into(&source, Some(&vault), false, false).unwrap().report;
    assert_eq!((ran.imported, ran.source.records, ran.source.documents), (3, 1, 1));
    assert_eq!((ran.vault, ran.outcome(false)), (Some(ran.source), Outcome::Complete));
}

#[test]
fn two_records_with_one_number_are_both_left_alone() {
    let (vault, source) = (Vault::new(), Source::of(2));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let amend = AmendRecord {
        record_type: "policyholder".parse().unwrap(),
        subject: subject(&store, "legacy.client_number", "00000001").unwrap(),
        expected_version: 1,
        changes: BTreeMap::from([("legacy.client_number".parse().unwrap(), Some(json!("00000000")))]),
    };
    store.transact(amend, draft(Action::Amend), None, Depends::default()).wait().unwrap();
    let again = vault.import(&store, &source, true).unwrap();
    assert_eq!((again.rejected, again.imported, again.changed, again.grants_withdrawn), (1, 1, 0, 0));
    assert_eq!(again.rejects_by_reason.get("duplicate-key"), Some(&1));
    assert_eq!(again.vault, Some(again.source));
}

/// A search is of now, and a view of when it began: nobody is to fall between the two.
#[test]
fn whoever_is_erased_while_it_looks_them_up_is_known_to_be() {
    let (vault, source) = (Vault::new(), Source::of(60));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let numbers: Vec<String> = (0..60).map(|number| format!("{number:08}")).collect();
    let keys: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let subjects = keys.iter().map(|key| subject(&store, "legacy.client_number", key).unwrap()).collect::<Vec<_>>();
    let target = vault.target(&store);
    std::thread::scope(|scope| {
        let erasing = scope.spawn(|| {
            for subject in subjects.iter().rev() {
                let remember = vec!["legacy.client_number".parse().unwrap()];
                let record_type = "policyholder".parse().unwrap();
                let erase = EraseSubject { record_type, subject: *subject, remember };
                store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
            }
        });
        while !erasing.is_finished() {
            // Whoever is found and gone the next moment ends it, and nobody is brought.
            for known in target.find(&keys).into_iter().flatten() {
                assert!(!matches!(known, Known::Absent), "they would be brought again");
            }
        }
    });
    assert!(target.find(&keys).unwrap().iter().all(|known| matches!(known, Known::Erased)));
}
