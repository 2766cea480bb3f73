//! What the vault did since an earlier run: what retention removed, what was restricted or set apart, what people wrote
//! or consented to. A later run brings none of it back and writes over none of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use coffre_core::audit::{Action, Draft};
use coffre_core::ids::{ApplicationId, DocumentId, GrantId, SubjectId};
use coffre_core::record::{Category, RecordTypeName};
use coffre_core::restriction::Ground;
use coffre_store::clock::SystemEntropy;
use coffre_store::plain::SourceValue;
use coffre_store::transactions::{
    AddDocument, EraseSubject, Facts, GiveGrant, ImportError, ImportItem, ImportRecords, Object, PruneLog, Restricting,
    RetainRecord, SetRestriction, Wanted,
};
use coffre_store::{CommitError, Depends, Store};
use serde_json::json;

use crate::real_vault::{Vault, draft, subject};
use crate::support::{MemoryVault, Source, padded, pdf, run};

fn row(rows: &[Vec<SourceValue>], column: usize, number: &str) -> usize {
    rows.iter().position(|row| row[column].bytes().unwrap().trim_ascii() == number.as_bytes()).unwrap()
}

impl Source {
    fn client(&mut self, number: &str) -> &mut Vec<SourceValue> {
        let row = row(&self.clients, 0, number);
        &mut self.clients[row]
    }

    fn contract(&mut self, number: &str) -> &mut Vec<SourceValue> {
        let row = row(&self.contracts, 1, number);
        &mut self.contracts[row]
    }
}

/// Removes categories of a record, as retention does.
fn remove(vault: &mut MemoryVault, key: &str, gone: &[&str]) {
    let record = vault.records.get_mut(key).unwrap();
    record.fields.0.retain(|field, _| !gone.contains(&field.category_str()));
    if gone.contains(&"contract") {
        record.documents.clear();
    }
}

#[test]
fn what_retention_has_removed_is_not_brought_again_unless_the_contract_goes_on() {
    let mut source = Source::of(3);
    source.contract("00000001")[4] = padded("20231001", 0);
    source.contract("00000002")[4] = padded("20150101", 0);
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    remove(&mut vault, "00000001", &["lifestyle", "health"]);
    remove(&mut vault, "00000002", &["lifestyle", "health", "contract"]);
    let again = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((again.unchanged, again.changed, again.past_time, again.documents_imported), (3, 0, 5, 0));
    assert_eq!(again.vault, Some(again.source));
    let categories = |vault: &MemoryVault, key: &str| {
        vault.records[key].fields.categories().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(categories(&vault, "00000001"), ["contact", "contract", "legacy"]);
    assert_eq!(categories(&vault, "00000002"), ["contact", "legacy"]);
    source.contract("00000001")[4] = padded("00000000", 0);
    let renewed = run(&source, Some(&mut vault), true, true).unwrap().report;
    assert_eq!((renewed.changed, renewed.vault), (1, Some(renewed.source)));
    assert_eq!(categories(&vault, "00000001").len(), 5, "a client again");
}

#[test]
fn a_restricted_record_and_what_is_set_apart_are_left_as_they_are() {
    let mut source = Source::of(4);
    for key in ["00000001", "00000002", "00000003"] {
        source.contract(key)[4] = padded("20231001", 0);
    }
    let mut vault = MemoryVault::new();
    run(&source, Some(&mut vault), false, true).unwrap();
    vault.records.get_mut("00000000").unwrap().restricted = true;
    for (key, category) in [("00000001", "contact"), ("00000002", "health"), ("00000003", "contract")] {
        vault.records.get_mut(key).unwrap().archived.insert(category.parse().unwrap());
    }
    for key in ["00000000", "00000001", "00000002"] {
        source.client(key)[4] = padded("autre@example.fr", 60);
    }
    source.client("00000000")[7] = padded("N", 1);
    source.contract("00000003")[6] = SourceValue::Blob(pdf("scanned again"));
    let ran = run(&source, Some(&mut vault), true, true).unwrap();
    assert_eq!((ran.report.restricted, ran.report.archived, ran.report.changed), (1, 2, 1));
    assert_eq!((ran.report.documents_imported, ran.report.vault), (0, Some(ran.report.source)));
    let reasons: Vec<(&str, &str)> = ran.rejects.iter().map(|line| (line.key.as_str(), line.reason.as_str())).collect();
    assert_eq!(reasons, [("00000000", "restricted"), ("00000001", "archived"), ("00000003", "archived")]);
    let address = |key: &str| vault.records[key].fields.0[&"contact.email".parse().unwrap()].clone();
    assert_eq!((address("00000000"), address("00000001")), (json!("helene@example.fr"), json!("helene@example.fr")));
    assert_eq!(address("00000002"), json!("autre@example.fr"), "something else of it is set apart");
    assert_eq!(ran.report.grants_withdrawn, 1, "a consent is withdrawn all the same");
}

fn kind() -> RecordTypeName {
    "policyholder".parse().unwrap()
}

fn of(store: &Store, number: &str) -> SubjectId {
    subject(store, "legacy.client_number", number).unwrap()
}

/// Carries retention out on a record, where it wants these categories to be.
fn retain(store: &Store, subject: SubjectId, wanted: &[(&str, Wanted)]) {
    let wanted: Vec<(Category, Wanted)> = wanted.iter().map(|(name, place)| (name.parse().unwrap(), *place)).collect();
    let retain = RetainRecord {
        record_type: kind(),
        subject,
        rules: Box::new(move |_: &Facts<'_>| wanted.clone()),
        remember: vec!["legacy.client_number".parse().unwrap()],
        of_documents: BTreeSet::from(["contract".parse().unwrap()]),
    };
    store.transact(retain, draft(Action::Archive), None, Depends::default()).wait().unwrap();
}

#[test]
fn whoever_has_lost_the_number_to_retention_is_not_brought_as_somebody_new() {
    let (vault, source) = (Vault::new(), Source::of(3));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let former = of(&store, "00000001");
    retain(&store, former, &[("contact", Wanted::Gone), ("legacy", Wanted::Gone), ("contract", Wanted::Apart)]);
    for apply in [false, true] {
        let again = vault.import(&store, &source, apply).unwrap();
        assert_eq!((again.imported, again.erased, again.unchanged), (0, 1, 2));
        assert_eq!(again.vault, Some(again.source));
        assert_eq!(store.statistics().unwrap().records, 3);
    }
    let erase = EraseSubject { record_type: kind(), subject: former, remember: vec![] };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    let again = vault.import(&store, &source, true).unwrap();
    assert_eq!((again.imported, again.erased), (0, 1), "also once the rest of it is erased");
}

/// Otherwise retention would remove it in the end, while the contract goes on.
#[test]
fn what_is_set_apart_is_written_again_once_the_source_says_that_the_contract_goes_on() {
    let (vault, mut source) = (Vault::new(), Source::of(3));
    source.contract("00000001")[4] = padded("20231001", 0);
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let former = of(&store, "00000001");
    retain(&store, former, &[("contact", Wanted::Apart), ("contract", Wanted::Apart)]);
    source.client("00000001")[4] = padded("autre@example.fr", 60);
    let ended = vault.import(&store, &source, true).unwrap();
    assert_eq!((ended.archived, ended.changed), (1, 0));
    source.contract("00000001")[4] = padded("00000000", 0);
    let renewed = vault.import(&store, &source, true).unwrap();
    assert_eq!((renewed.archived, renewed.changed, renewed.vault), (0, 1, Some(renewed.source)));
    assert_eq!(subject(&store, "contact.email", "autre@example.fr"), Some(former));
}

fn upload(store: &Store, subject: SubjectId, replaces: Option<DocumentId>, name: &str) {
    let mut writer = store.stage_document(&kind(), subject, replaces, name, "application/pdf").unwrap();
    writer.write_all(&pdf("signed")).unwrap();
    let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap();
}

#[test]
fn a_document_replaced_in_the_vault_is_left_alone_and_one_beside_it_is_in_nobodys_way() {
    let (vault, mut source) = (Vault::new(), Source::of(3));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let signed = of(&store, "00000001");
    let scan = *store.snapshot().unwrap().document_versions(signed).unwrap().keys().next().unwrap();
    upload(&store, signed, Some(scan), "contrat-C00001.pdf");
    upload(&store, of(&store, "00000002"), None, "lettre.pdf");
    for contract in &mut source.contracts {
        contract[6] = SourceValue::Blob(pdf("scanned again"));
    }
    let ran = vault.import(&store, &source, true).unwrap();
    assert_eq!((ran.changed_in_vault, ran.changed, ran.documents_imported), (1, 2, 2));
    assert_eq!(ran.vault, Some(ran.source));
    assert_eq!(store.snapshot().unwrap().document_versions(signed).unwrap(), BTreeMap::from([(scan, 2)]));
}

/// One that was stored after the import's would be taken for it by whoever looks at names alone.
#[test]
fn another_document_of_the_same_name_is_not_taken_for_the_imported_one() {
    let (vault, mut source) = (Vault::new(), Source::of(2));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let client = of(&store, "00000001");
    let scan = *store.snapshot().unwrap().document_versions(client).unwrap().keys().next().unwrap();
    upload(&store, client, None, "contrat-C00001.pdf");
    let again = vault.import(&store, &source, true).unwrap();
    assert_eq!((again.unchanged, again.changed_in_vault, again.vault), (2, 0, Some(again.source)));
    source.contract("00000001")[6] = SourceValue::Blob(pdf("scanned again"));
    let changed = vault.import(&store, &source, true).unwrap();
    assert_eq!((changed.changed, changed.changed_in_vault, changed.vault), (1, 0, Some(changed.source)));
    let versions = store.snapshot().unwrap().document_versions(client).unwrap();
    assert_eq!((versions.len(), versions[&scan]), (2, 2));
}

#[test]
fn a_consent_given_in_the_vault_is_not_withdrawn() {
    let (vault, mut source) = (Vault::new(), Source::of(3));
    source.client("00000001")[7] = padded("N", 1);
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let marketing = |number: &str| {
        let subject = of(&store, number);
        let grants = store.snapshot().unwrap().grants(subject).unwrap();
        grants.iter().find(|grant| grant.terms.purpose == "direct-marketing").cloned()
    };
    assert_eq!(marketing("00000001"), None);
    let mut terms = marketing("00000002").unwrap().terms.as_ref().clone();
    terms.valid_until = None; // what the grants file gave is over by now
    let give = GiveGrant { record_type: kind(), subject: of(&store, "00000001"), terms };
    let application = Some(ApplicationId::random(&mut SystemEntropy));
    let by_legal = Draft { application, ..draft(Action::GiveGrant) };
    store.transact(give, by_legal, None, Depends::default()).wait().unwrap();
    source.client("00000002")[7] = padded("N", 1);
    let ran = vault.import(&store, &source, true).unwrap();
    assert_eq!((ran.consents_kept, ran.grants_withdrawn, ran.changed, ran.unchanged), (1, 1, 1, 2));
    assert_eq!(marketing("00000001").unwrap().withdrawn_at, None);
    assert!(marketing("00000002").unwrap().withdrawn_at.is_some(), "the source gave it, and took it back");
}

#[test]
fn what_a_person_objected_to_is_not_granted_again() {
    let (vault, mut source) = (Vault::new(), Source::of(3));
    source.client("00000001")[7] = padded("N", 1);
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let marketing = |subject: SubjectId| {
        let grants = store.snapshot().unwrap().grants(subject).unwrap();
        grants.iter().find(|grant| grant.terms.purpose == "direct-marketing").cloned()
    };
    let subject = of(&store, "00000001");
    let object = Object { record_type: kind(), subject, purpose: "direct-marketing".to_owned() };
    store.transact(object, draft(Action::Object), None, Depends::default()).wait().unwrap();
    source.client("00000001")[7] = padded("O", 1);
    let ran = vault.import(&store, &source, true).unwrap();
    assert_eq!((ran.changed, ran.unchanged, marketing(subject)), (0, 3, None));

    // Nor where the person objects while the import compares.
    let terms = marketing(of(&store, "00000002")).unwrap().terms.as_ref().clone();
    let item = ImportItem::Change {
        subject,
        expected_version: 1,
        changes: BTreeMap::new(),
        documents: Vec::new(),
        of_documents: BTreeSet::new(),
        brought_back: BTreeSet::new(),
        give: vec![terms],
        withdraw: Vec::new(),
    };
    let import = ImportRecords { record_type: kind(), items: vec![item] };
    store.transact(import, draft(Action::Import), None, Depends::default()).wait().unwrap();
    assert_eq!(marketing(subject), None);
}

/// Who wrote a record can only be known from entries that are there.
#[test]
fn what_a_pruned_log_no_longer_tells_counts_as_changed_in_the_vault() {
    let (vault, mut source) = (Vault::new(), Source::of(60));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let prune = PruneLog { minimum_index: 256 };
    store.transact(prune, draft(Action::PruneLog), None, Depends::default()).wait().unwrap();
    for number in ["00000000", "00000059"] {
        source.client(number)[4] = padded("autre@example.fr", 60);
    }
    let ran = vault.import(&store, &source, true).unwrap();
    assert_eq!((ran.changed_in_vault, ran.changed, ran.unchanged), (1, 1, 58));
    assert_eq!(subject(&store, "contact.email", "autre@example.fr"), Some(of(&store, "00000059")));
}

/// A change of an e-mail address, and a grant that is withdrawn.
fn change(subject: SubjectId, email: Option<&str>, withdraw: Vec<GrantId>) -> ImportRecords {
    let changes = email.map(|email| ("contact.email".parse().unwrap(), Some(json!(email)))).into_iter().collect();
    let item = ImportItem::Change {
        subject,
        expected_version: 1,
        changes,
        documents: Vec::new(),
        of_documents: BTreeSet::new(),
        brought_back: BTreeSet::new(),
        give: Vec::new(),
        withdraw,
    };
    ImportRecords { record_type: kind(), items: vec![item] }
}

#[test]
fn what_is_restricted_or_set_apart_while_it_is_compared_is_not_written() {
    let (vault, source) = (Vault::new(), Source::of(2));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let [restricted, apart] = ["00000000", "00000001"].map(|number| of(&store, number));
    let act = Restricting::Restrict(Ground::Accuracy);
    let restrict = SetRestriction { record_type: kind(), subject: restricted, act };
    store.transact(restrict, draft(Action::Restrict), None, Depends::default()).wait().unwrap();
    retain(&store, apart, &[("contact", Wanted::Apart)]);
    let write = |change: ImportRecords| store.transact(change, draft(Action::Import), None, Depends::default()).wait();
    let refused = write(change(restricted, Some("autre@example.fr"), vec![]));
    assert!(matches!(refused, Err(CommitError::Refused(ImportError::Restricted { subject })) if subject == restricted));
    let refused = write(change(apart, Some("autre@example.fr"), vec![]));
    assert!(matches!(refused, Err(CommitError::Refused(ImportError::Archived { subject })) if subject == apart));
    let given = store.snapshot().unwrap().grants(restricted).unwrap()[0].id;
    write(change(restricted, None, vec![given])).unwrap();
    assert!(store.snapshot().unwrap().grants(restricted).unwrap()[0].withdrawn_at.is_some());
}
