//! Whole runs, against a vault that is a map: what is brought, what a second run does, what is never
//! done, and what is left when the vault fails in the middle.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::FileExt as _;

use crate::support::{BATCH, Fault, MemoryVault, SharedVault, Source, client, contract, padded, rejects_path, run};
use coffre_import::{ImportError, LegacyError, Outcome, RejectFileError};
use coffre_store::plain::SourceValue;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn everything_clean_is_brought_and_both_sides_agree() {
    let source = Source::of(50);
    let mut vault = MemoryVault::new();
    let ran = run(&source, Some(&mut vault), false, true).unwrap();
    let report = &ran.report;
    assert_eq!((report.imported, report.documents_imported, report.rejects), (50, 50, 0));
    assert_eq!(report.grants_given, 150, "two grants for all and one by consent");
    assert_eq!((report.source.records, report.source.documents), (50, 50));
    assert_eq!(report.vault, Some(report.source));
    assert_eq!(report.outcome(false), Outcome::Complete);
    assert_eq!((vault.records.len(), vault.batches), (50, 8));
    assert_eq!(report.read.rows["CONTRAT"], 50);
    assert!(report.reject_file.is_none() && !rejects_path(&source).exists());
}

#[test]
fn without_a_grants_file_nothing_is_opened_to_anybody() {
    let mut vault = MemoryVault::new();
    run(&Source::of(3), Some(&mut vault), false, false).unwrap();
    assert!(vault.records.values().all(|record| record.grants.is_empty()));
}

#[test]
fn consent_opens_only_for_those_who_gave_it() {
    let mut source = Source::of(3);
    source.clients[0][7] = padded("N", 1);
    source.clients[1][7] = padded(" ", 1);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    let consents = |record: &coffre_import::StoredRecord| {
        record.grants.iter().filter(|g| g.terms.purpose == "direct-marketing").count()
    };
    assert_eq!(vault.records.values().map(consents).sum::<usize>(), 1);
}

#[test]
fn a_second_run_changes_nothing() {
    let source = Source::of(20);
    let mut vault = MemoryVault::new();
    let first = run(&source, Some(&mut vault), false, true).unwrap().report;
    let batches = vault.batches;
    for apply in [false, true] {
        let again = run(&source, Some(&mut vault), apply, true).unwrap().report;
        assert_eq!((again.imported, again.unchanged, again.changed, again.changes_pending), (0, 20, 0, 0));
        assert_eq!((again.source, again.vault), (first.source, first.vault));
    }
    assert_eq!(vault.batches, batches, "nothing was written");
}

#[test]
fn a_parallel_phase_brings_what_is_new_and_tells_what_changed() {
    let mut source = Source::of(10);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    source.clients.push(client("99999999", "Nouveau"));
    source.clients[0][4] = padded("autre@example.fr", 60);
    source.contracts[1][6] = SourceValue::Blob(crate::support::pdf("rescanned"));
    source.behaviours.remove(2);
    let told = run(&source, Some(&mut vault), false, true).unwrap();
    assert_eq!((told.report.imported, told.report.unchanged, told.report.changes_pending), (1, 7, 3));
    assert_eq!(told.report.outcome(false), Outcome::Complete, "a change is not a fault");
    assert_eq!(told.rejects.len(), 3);
    assert!(told.rejects.iter().all(|line| line.reason == "changed" && line.table == "CLIENT"));
    let applied = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((applied.changed, applied.unchanged, applied.documents_imported), (3, 8, 1));
    assert_eq!(applied.changed_fields["contact.email"], 1);
    assert_eq!(applied.changed_fields["health.illnesses"], 1);
    assert_eq!(applied.vault, Some(applied.source));
    let again = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((again.changed, again.unchanged), (0, 11));
}

#[test]
fn an_erased_person_is_never_brought_back() {
    let source = Source::of(5);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    vault.records.remove("00000002");
    vault.erased.insert("00000002".to_owned());
    let ran = run(&source, Some(&mut vault), true, true).unwrap();
    assert_eq!((ran.report.erased, ran.report.unchanged, ran.report.imported), (1, 4, 0));
    assert!(ran.rejects.is_empty(), "and nothing about them is written down");
    assert_eq!(ran.report.vault, Some(ran.report.source));
    assert!(!vault.records.contains_key("00000002"));
}

#[test]
fn what_was_changed_in_the_vault_is_never_overwritten() {
    let source = Source::of(5);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    let record = vault.records.get_mut("00000001").unwrap();
    record.fields.0.insert("contact.email".parse().unwrap(), json!("corrected@example.fr"));
    record.fields.0.insert("contact.availability".parse().unwrap(), json!("le matin"));
    record.changed_in_vault = true;
    let ran = run(&source, Some(&mut vault), true, true).unwrap();
    assert_eq!((ran.report.changed_in_vault, ran.report.changed), (1, 0));
    assert_eq!(ran.rejects[0].reason, "changed-in-vault");
    assert_eq!(vault.records["00000001"].fields.0[&"contact.email".parse().unwrap()], json!("corrected@example.fr"));
}

/// A vault finds records by their key without regard to case and blanks; two keys that differ only
/// in those would overwrite one another.
#[test]
fn keys_that_the_vault_cannot_tell_apart_are_never_mixed_up() {
    let mut source = Source::of(2);
    (source.behaviours, source.contracts) = (vec![], vec![]);
    source.clients[0][0] = padded("A12", 10);
    source.clients[1][0] = padded("a12", 10);
    let mut vault = MemoryVault::new();
    let ran = run(&source, Some(&mut vault), false, false).unwrap();
    assert_eq!((ran.report.imported, ran.report.rejected), (1, 1));
    assert_eq!((ran.rejects[0].reason.as_str(), ran.rejects[0].key.as_str()), ("duplicate-key", "a12"));
    // In a later run, as the store would answer: with the record of the other key.
    source.clients[0][0] = padded("99", 10);
    let other = vault.records["A12"].clone();
    vault.records.insert("a12".to_owned(), other);
    let ran = run(&source, Some(&mut vault), true, false).unwrap();
    assert_eq!((ran.report.imported, ran.report.rejected, ran.report.changed), (1, 1, 0));
}

/// The same where the first of them is in a batch that is still on its way: nothing would be found of it.
#[test]
fn a_batch_waits_for_one_with_a_key_alike() {
    let mut source = Source::of(0);
    let keys = |letter: char| (0..BATCH).map(move |number| format!("{letter}{number:02}"));
    source.clients = keys('A').chain(keys('a')).map(|key| client(&key, "Lefèvre")).collect();
    let mut vault = MemoryVault::new();
    vault.folds = true;
    let ran = run(&source, Some(&mut vault), false, false).unwrap();
    assert_eq!((ran.report.imported, ran.report.rejected, vault.records.len()), (BATCH as u64, BATCH as u64, BATCH));
    assert!(ran.rejects.iter().all(|reject| reject.reason == "duplicate-key" && reject.key.starts_with('a')));
}

#[test]
fn what_the_vault_adds_is_none_of_the_imports_business() {
    let source = Source::of(2);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    let record = vault.records.get_mut("00000001").unwrap();
    let mut uploaded = record.documents[0].clone();
    uploaded.file_name = "lettre.pdf".to_owned();
    record.documents.push(uploaded);
    let ran = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((ran.unchanged, ran.vault), (2, Some(ran.source)));
}

#[test]
fn a_consent_withdrawn_in_the_vault_is_not_given_again_and_one_the_source_lost_is_withdrawn() {
    let mut source = Source::of(2);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    let marketing = |vault: &MemoryVault, key: &str| {
        let grants = vault.records[key].grants.iter().filter(|g| g.terms.purpose == "direct-marketing");
        grants.map(|g| g.withdrawn_at.is_none()).collect::<Vec<_>>()
    };
    let grants = &mut vault.records.get_mut("00000000").unwrap().grants;
    for grant in grants.iter_mut() {
        grant.withdrawn_at = Some(coffre_core::time::Timestamp::from_micros(5));
    }
    let one = source.clients.iter().position(|row| row[0] == padded("00000001", 10)).unwrap();
    source.clients[one][7] = padded("N", 1);
    let told = run(&source, Some(&mut vault), false, true).unwrap().report;
    assert_eq!((told.changes_pending, told.vault), (1, Some(told.source)), "the content is the same");
    let applied = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((applied.grants_given, applied.grants_withdrawn), (0, 1));
    assert_eq!(marketing(&vault, "00000000"), [false]);
    assert_eq!(marketing(&vault, "00000001"), [false]);
}

#[test]
fn a_vault_that_fails_in_the_middle_loses_nothing() {
    for fault in [Fault::Refuse(2), Fault::TakeAndFail(2), Fault::Refuse(1)] {
        let mut source = Source::of(20);
        source.clients[3][4] = padded("no address", 60);
        let mut vault = MemoryVault::new();
        vault.fault = Some(fault);
        let error = run(&source, Some(&mut vault), false, true).err().unwrap();
        assert!(matches!(&error, ImportError::Vault { .. }));
        assert!(error.to_string().contains("run the import again"), "{error}");
        assert!(!rejects_path(&source).exists(), "no reject file that is not whole");
        assert!(!source.dir.path().join("rejects.age.partial").exists());
        vault.fault = None;
        let ran = run(&source, Some(&mut vault), false, true).unwrap();
        assert_eq!(ran.report.imported + ran.report.unchanged, 19, "{fault:?}");
        assert_eq!((ran.report.vault, ran.rejects.len()), (Some(ran.report.source), 1));
        assert_eq!(vault.records.len(), 19);
    }
}

#[test]
fn a_vault_that_gives_back_something_else_is_found_out() {
    for fault in [Fault::LoseACharacter, Fault::AlterDocuments] {
        let mut vault = MemoryVault::new();
        vault.fault = Some(fault);
        let report = run(&Source::of(5), Some(&mut vault), false, true).unwrap().report;
        assert_ne!(report.vault, Some(report.source));
        assert_eq!(report.outcome(true), Outcome::NotReconciled);
    }
}

#[test]
fn a_dry_run_tells_the_source_side_and_needs_no_vault() {
    let mut source = Source::of(12);
    source.clients[0][3] = padded("31/02/1990", 10);
    let dry = run(&source, None, false, true).unwrap();
    assert!(dry.report.dry_run && dry.report.vault.is_none());
    assert_eq!((dry.report.imported, dry.report.rejected, dry.rejects.len()), (11, 1, 1));
    let mut vault = MemoryVault::new();
    let real = run(&source, Some(&mut vault), false, true).unwrap().report;
    assert_eq!(real.vault, Some(dry.report.source));
    assert_eq!((real.outcome(false), real.outcome(true)), (Outcome::Rejects, Outcome::Complete));
}

#[test]
fn a_document_that_changes_between_its_examination_and_its_storing_is_refused() {
    let mut source = Source::of(1);
    source.contracts[0][6] = SourceValue::Null;
    source.contracts[0][7] = padded("C.PDF", 60);
    let folder = source.dir.path().join("contrats");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("C.PDF"), crate::support::pdf("first")).unwrap();
    let mapping = crate::support::mapping();
    source.write();
    let legacy = coffre_import::Legacy::open(&source.path(), &mapping).unwrap();
    let vault = Swapping { vault: SharedVault::of(MemoryVault::new()), file: folder.join("C.PDF") };
    let recipient = crate::support::identity().to_public().to_string();
    let path = rejects_path(&source);
    let policies = crate::support::policies();
    let options = crate::support::options(&path, &recipient, &policies);
    let grants = coffre_import::GrantsFile::default();
    let result = coffre_import::import(&legacy, &grants, Some(&vault), &options, &mut |_| {});
    assert!(matches!(result, Err(ImportError::Vault { .. })));
    assert!(vault.vault.lock().records.is_empty());
}

#[test]
fn a_source_that_is_written_to_while_nothing_locks_it_is_told() {
    let source = Source::of(3);
    let mapping = crate::support::mapping();
    source.write();
    let file = std::fs::OpenOptions::new().write(true).open(source.path()).unwrap();
    // In the mode of a write-ahead log, with nobody at work: what its header says.
    file.write_all_at(&[2, 2], 18).unwrap();
    let recipient = crate::support::identity().to_public().to_string();
    let path = rejects_path(&source);
    let policies = crate::support::policies();
    let options = crate::support::options(&path, &recipient, &policies);
    let grants = coffre_import::GrantsFile::default();
    let imported = |meanwhile: &mut dyn FnMut()| {
        let legacy = coffre_import::Legacy::open(&source.path(), &mapping).unwrap();
        coffre_import::import(&legacy, &grants, None, &options, &mut |_| meanwhile())
    };
    assert_eq!(imported(&mut || {}).unwrap().outcome(true), Outcome::Complete);
    let result = imported(&mut || file.set_len(file.metadata().unwrap().len() + 4096).unwrap());
    assert!(matches!(result, Err(ImportError::Source(LegacyError::Changed))));
}

/// A vault beside which somebody replaces a document.
struct Swapping {
    vault: SharedVault,
    file: std::path::PathBuf,
}

impl coffre_import::ImportTarget for Swapping {
    fn find(&self, keys: &[&str]) -> Result<Vec<coffre_import::Known>, coffre_import::TargetError> {
        std::fs::write(&self.file, crate::support::pdf("second")).unwrap();
        self.vault.find(keys)
    }
    fn admit(
        &self,
        batch: &[coffre_import::Admission],
        bodies: &dyn coffre_import::DocumentBodies,
    ) -> Result<coffre_import::Admitting, coffre_import::TargetError> {
        self.vault.admit(batch, bodies)
    }
    fn read_back(&self, keys: &[&str]) -> Result<Vec<coffre_import::Known>, coffre_import::TargetError> {
        self.vault.read_back(keys)
    }
}

#[test]
fn a_reject_file_is_private_whole_and_never_replaces_another() {
    use std::os::unix::fs::PermissionsExt;
    let mut source = Source::of(3);
    source.clients[0][4] = padded("no address", 60);
    let ran = run(&source, None, false, false).unwrap();
    let path = ran.report.reject_file.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    assert!(!String::from_utf8_lossy(&bytes).contains("bad-email"));
    let cut = coffre_import::read_rejects(&bytes[..bytes.len() - 5], &crate::support::identity());
    assert!(matches!(cut, Err(RejectFileError::Read { .. })));
    let other = age::x25519::Identity::generate();
    assert!(matches!(coffre_import::read_rejects(&bytes[..], &other), Err(RejectFileError::Decrypt { .. })));
    let again = coffre_import::RejectFile::at(&path, &crate::support::identity().to_public().to_string());
    assert!(matches!(again, Err(RejectFileError::Exists { .. })));
    let free = source.dir.path().join("other.age");
    assert!(matches!(coffre_import::RejectFile::at(&free, "age1nonsense"), Err(RejectFileError::Recipient)));
}

#[test]
fn rejects_that_cannot_be_written_stop_the_run() {
    let mut source = Source::of(3);
    source.clients[0][4] = padded("no address", 60);
    source.write();
    let mapping = crate::support::mapping();
    let legacy = coffre_import::Legacy::open(&source.path(), &mapping).unwrap();
    let recipient = crate::support::identity().to_public().to_string();
    let nowhere = source.dir.path().join("no folder/rejects.age");
    let options = coffre_import::ImportOptions {
        apply_changes: false,
        rejects: &nowhere,
        reject_recipient: &recipient,
        batch: 5,
        policies: &crate::support::policies(),
        now: crate::support::now(),
    };
    let grants = coffre_import::GrantsFile::default();
    let result = coffre_import::import(&legacy, &grants, None, &options, &mut |_| {});
    assert!(matches!(result, Err(ImportError::Rejects(RejectFileError::Write { .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    /// The fingerprint of a set does not depend on the order of its rows.
    #[test]
    fn the_order_of_rows_does_not_matter(swaps in prop::collection::vec((0_usize..12, 0_usize..12), 0..20)) {
        let mut source = Source::of(12);
        source.contracts.push(contract("D1", "00000003"));
        let straight = run(&source, None, false, false).unwrap().report;
        for (a, b) in swaps {
            source.clients.swap(a, b);
            source.behaviours.swap(b, a);
            source.contracts.swap(a, (b + 1) % 12);
        }
        let shuffled = run(&source, None, false, false).unwrap().report;
        prop_assert_eq!(straight.source, shuffled.source);
    }
}
