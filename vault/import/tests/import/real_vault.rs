//! The same runs against an encrypted vault on disk, with its audit log.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft, Entry};
use coffre_core::ids::{DocumentId, GrantId, RequestId, SubjectId};
use coffre_core::search::{SearchIndex, SearchKind};
use coffre_import::{GrantsFile, ImportError, ImportOptions, ImportReport, Legacy, VaultTarget, import};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::transactions::{AmendRecord, EraseSubject};
use coffre_store::{Depends, Identity, InitPlan, Layout, OpenOptions, Store, init};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Source, client, contract, grants, identity, mapping, padded, pdf, policies};

pub(crate) struct Vault {
    dir: TempDir,
    indexes: Vec<SearchIndex>,
}

impl Vault {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let plan = InitPlan {
            environment: "test".parse().unwrap(),
            recovery_recipient: None,
            recovery_identity_file: dir.path().join("recovery.identity"),
        };
        init(&dir.path().join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
        Self { indexes: policies().record_type("policyholder").unwrap().indexes(), dir }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("vault")
    }

    pub(crate) fn open(&self) -> Store {
        let identity = Identity::read(&Layout::new(&self.path()).server_identity()).unwrap();
        let options = OpenOptions { indexes: self.indexes.clone(), clock: Arc::new(SystemClock), readers: 2 };
        Store::open(&self.path(), &identity, &options).unwrap()
    }

    pub(crate) fn target<'s>(&self, store: &'s Store) -> VaultTarget<'s> {
        VaultTarget::new(store, &mapping(), &self.indexes, draft(Action::Import)).unwrap()
    }

    pub(crate) fn import(&self, store: &Store, source: &Source, apply: bool) -> Result<ImportReport, ImportError> {
        source.write();
        let mapping = mapping();
        let legacy = Legacy::open(&source.path(), &mapping)?;
        let grants: GrantsFile = grants(&mapping);
        let target = self.target(store);
        let recipient = identity().to_public().to_string();
        let rejects = source.dir.path().join("rejects.age");
        let _ = std::fs::remove_file(&rejects);
        let options = ImportOptions {
            apply_changes: apply,
            rejects: &rejects,
            reject_recipient: &recipient,
            batch: 4,
            policies: &policies(),
            now: store.now(),
        };
        let report = import(&legacy, &grants, Some(&target), &options, &mut |_| {})?;
        assert_eq!(report.accounted(), report.read.subjects);
        Ok(report)
    }
}

pub(crate) fn draft(action: Action) -> Draft {
    Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
}

pub(crate) fn subject(store: &Store, field: &str, value: &str) -> Option<SubjectId> {
    let record_type = "policyholder".parse().unwrap();
    let index = SearchIndex { record_type, field: field.parse().unwrap(), kind: SearchKind::Exact };
    store.snapshot().unwrap().find(&index, value, 5).unwrap().first().map(|hit| hit.subject)
}

fn actions(store: &Store) -> BTreeMap<String, usize> {
    let entries = store.snapshot().unwrap().entries(0, 10_000).unwrap();
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(Entry::from_leaf(&entry.leaf).unwrap().what.action.name()).or_default() += 1;
    }
    counts
}

/// Batches of four: whoever comes together begins alike, with documents and grants, so that a page has many of them. Nothing is told twice.
#[test]
fn a_batch_is_stored_side_by_side() {
    let (vault, source) = (Vault::new(), Source::of(12));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let entries = store.snapshot().unwrap().entries(0, 10_000).unwrap();
    let drafts: Vec<Draft> = entries.iter().map(|entry| Entry::from_leaf(&entry.leaf).unwrap().what).collect();
    let new = drafts.iter().filter(|draft| draft.action == Action::Import && draft.document.is_none());
    let subjects: BTreeSet<SubjectId> = new.flat_map(|draft| draft.subjects.clone()).collect();
    let beginning = |bytes: &[u8; 16]| bytes[..5].to_vec();
    let batches: BTreeSet<Vec<u8>> = subjects.iter().map(|subject| beginning(subject.as_bytes())).collect();
    assert_eq!((subjects.len(), batches.len()), (12, 3));
    let documents: BTreeSet<DocumentId> =
        drafts.iter().filter_map(|draft| draft.document.as_ref()).map(|document| document.id).collect();
    let given: BTreeSet<GrantId> = drafts.iter().flat_map(|draft| &draft.grants).map(|grant| grant.id).collect();
    assert_eq!((documents.len(), given.len()), (12, 36));
    for bytes in documents.iter().map(DocumentId::as_bytes).chain(given.iter().map(GrantId::as_bytes)) {
        assert!(batches.contains(&beginning(bytes)), "it lies elsewhere");
    }
}

#[test]
fn a_vault_takes_it_all_gives_it_back_and_tells_in_its_log() {
    let (vault, mut source) = (Vault::new(), Source::of(10));
    source.contracts.push(contract("D1", "00000004"));
    source.clients[0][4] = padded("no address", 60);
    let store = vault.open();
    let report = vault.import(&store, &source, false).unwrap();
    assert_eq!((report.imported, report.rejected, report.documents_imported, report.grants_given), (9, 1, 10, 27));
    assert_eq!(report.vault, Some(report.source));
    let statistics = store.statistics().unwrap();
    assert_eq!((statistics.records, statistics.documents), (9, 10));
    let told = actions(&store);
    assert_eq!((told["import"], told["give-grant"]), (9 + 10, 27));
    assert!(told["compare-import"] >= 3, "reading back is told too");
    // The contract that is not current is found by its number.
    let owner = subject(&store, "legacy.client_number", "00000004").unwrap();
    assert_eq!(
        subject(&store, "contract.number", "D1").or(subject(&store, "contract.other_numbers", "D1")),
        Some(owner)
    );
    assert_eq!(
        subject(&store, "contract.other_numbers", "C00004").or(subject(&store, "contract.number", "C00004")),
        Some(owner)
    );
    // Again, after the vault was closed.
    drop(store);
    let store = vault.open();
    let again = vault.import(&store, &source, true).unwrap();
    assert_eq!((again.unchanged, again.imported, again.changed), (9, 0, 0));
    assert_eq!((again.source, again.vault), (report.source, report.vault));
    assert_eq!(store.statistics().unwrap().documents, 10);
}

#[test]
fn changes_erasures_and_corrections_survive_later_runs() {
    let (vault, mut source) = (Vault::new(), Source::of(6));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let of = |number: &str| subject(&store, "legacy.client_number", number).unwrap();
    let erase = EraseSubject {
        record_type: "policyholder".parse().unwrap(),
        subject: of("00000001"),
        remember: vec!["legacy.client_number".parse().unwrap()],
    };
    store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
    let correct = AmendRecord {
        record_type: "policyholder".parse().unwrap(),
        subject: of("00000002"),
        expected_version: 1,
        changes: BTreeMap::from([("contact.email".parse().unwrap(), Some(json!("corrected@example.fr")))]),
    };
    store.transact(correct, draft(Action::Amend), None, Depends::default()).wait().unwrap();
    // An amendment that changes nothing is no change: what the source says later is taken over.
    let idle = AmendRecord {
        record_type: "policyholder".parse().unwrap(),
        subject: of("00000003"),
        expected_version: 1,
        changes: BTreeMap::new(),
    };
    assert_eq!(store.transact(idle, draft(Action::Amend), None, Depends::default()).wait().unwrap().0, 1);
    let row = |source: &Source, number: &str| source.clients.iter().position(|r| r[0] == padded(number, 10)).unwrap();
    let changed = row(&source, "00000003");
    source.clients[changed][5] = padded("01 99 00 12 34", 20);
    source.clients[changed][7] = padded("N", 1);
    let rescanned = source.contracts.iter().position(|r| r[1] == padded("00000004", 0)).unwrap();
    source.contracts[rescanned][6] = coffre_store::plain::SourceValue::Blob(pdf("scanned again"));
    source.clients.push(client("99999999", "Nouvelle"));
    let told = vault.import(&store, &source, false).unwrap();
    assert_eq!(
        (told.imported, told.erased, told.changed_in_vault, told.changes_pending, told.unchanged),
        (1, 1, 1, 2, 2)
    );
    let applied = vault.import(&store, &source, true).unwrap();
    assert_eq!((applied.changed, applied.erased, applied.changed_in_vault, applied.unchanged), (2, 1, 1, 3));
    assert_eq!((applied.grants_withdrawn, applied.documents_imported), (1, 1));
    assert_eq!(applied.vault, Some(applied.source));
    let settled = vault.import(&store, &source, true).unwrap();
    assert_eq!((settled.changed, settled.erased, settled.changed_in_vault, settled.unchanged), (0, 1, 1, 5));
    assert_eq!(subject(&store, "legacy.client_number", "00000001"), None, "not brought back");
    assert_eq!(subject(&store, "contact.email", "corrected@example.fr"), Some(of("00000002")));
    assert_eq!(subject(&store, "contact.phone", "01 99 00 12 34"), None, "phones are indexed as phones");
    assert_eq!(actions(&store)["import-change"], 2);
}

#[test]
fn a_stored_document_that_was_altered_is_not_called_the_same() {
    let (vault, source) = (Vault::new(), Source::of(2));
    let store = vault.open();
    vault.import(&store, &source, false).unwrap();
    let file = documents(&vault.path().join("documents")).pop().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = vault.import(&store, &source, false).err().unwrap();
    assert!(matches!(&error, ImportError::Vault { .. }), "{error:?}");
}

fn documents(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(documents(&path)) } else { found.push(path) }
    }
    found
}
