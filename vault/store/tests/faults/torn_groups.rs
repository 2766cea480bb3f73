//! A crash between the COMMITs of a group, made by putting the files of before and after together; and
//! combinations that no crash leaves, which are refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use coffre_core::search::SearchKind;
use coffre_store::transactions::{ImportItem, ImportRecords};
use coffre_store::{Depends, Identity, Layout, OpenError, Store};

use crate::grants::consent;
use crate::papers::{content, download};
use crate::proof;
use crate::support::{create, draft, index, kind, make, open, options, read, sample};
use crate::told;

/// A vault before and after one group: a record with a document and a consent.
struct Group {
    dir: tempfile::TempDir,
    subject: SubjectId,
    document: (coffre_core::ids::DocumentId, u32),
}

/// Copies without opening the files in this process, which would drop SQLite's locks on them.
pub(crate) fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

fn import(store: &Store, number: u32) -> (SubjectId, coffre_core::ids::DocumentId) {
    use std::io::Write;
    let subject = store.new_subject();
    let mut writer = store.stage_for_new(&kind(), &subject, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&content(number, 70_000)).unwrap();
    let staged = writer.finish().unwrap();
    let (id, document) = (subject.id, staged.id());
    let item =
        ImportItem::New { subject, fields: sample(number), documents: vec![staged], grants: vec![consent(None)] };
    let import = ImportRecords { record_type: kind(), items: vec![item] };
    store.transact(import, draft(Action::Import), None, Depends::default()).wait().unwrap();
    (id, document)
}

impl Group {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let store = open(dir.path());
        create(&store, 1);
        copy(&dir.path().join("vault"), &dir.path().join("earlier"));
        create(&store, 2);
        copy(&dir.path().join("vault"), &dir.path().join("before"));
        let (subject, document) = import(&store, 7);
        copy(&dir.path().join("vault"), &dir.path().join("after"));
        Self { dir, subject, document: (document, 1) }
    }

    /// A vault with these databases as they were after the group, and the others as before it.
    fn crashed(&self, newer: &[&str], from: (&str, &str)) -> PathBuf {
        let (older, after) = from;
        let house = self.dir.path().join(format!("crashed-{}", newer.join("-")));
        std::fs::create_dir(&house).unwrap();
        let vault = house.join("vault");
        copy(&self.dir.path().join(older), &vault);
        for name in newer {
            for suffix in ["", "-wal"] {
                let file = format!("{name}.db{suffix}");
                copy(&self.dir.path().join(after).join(&file), &vault.join(&file));
            }
        }
        house
    }

    /// The document as it stands between its staging and its renaming.
    fn stage(&self, house: &Path) {
        let name = format!("{}-{}", self.document.0, self.document.1);
        let placed = self.dir.path().join("after/documents").join(&name[..2]).join(&name);
        copy(&placed, &house.join("vault/documents/staging").join(name));
    }

    fn is_there(&self, house: &Path, store: &Store) -> bool {
        let entries: Vec<Entry> = proof::log_agrees_with_its_head(store);
        let about: Vec<Action> = entries
            .iter()
            .filter(|entry| entry.what.subjects == [self.subject])
            .map(|entry| entry.what.action)
            .collect();
        let written = about.iter().filter(|action| matches!(action, Action::Import | Action::GiveGrant)).count();
        proof::documents_and_entries_agree(store, &house.join("vault"));
        let snapshot = store.snapshot().unwrap();
        let there = snapshot.record(&kind(), self.subject).unwrap().is_some();
        assert_eq!(written, if there { 3 } else { 0 }, "record, document and grant, each with its entry once");
        assert_eq!(snapshot.grants(self.subject).unwrap().len(), usize::from(there));
        let found = snapshot.find(&index("legacy.client_number", SearchKind::Exact), "00000007", 10).unwrap();
        assert_eq!(found.len(), usize::from(there), "the index");
        assert_eq!(snapshot.accesses(self.subject, None, 10).unwrap().len(), about.len(), "the accesses");
        drop(snapshot);
        if there {
            assert_eq!(read(store, self.subject, &["contact.email"]).0.len(), 1);
            assert!(download(store, self.subject, self.document).unwrap() == content(7, 70_000));
        }
        there
    }
}

fn try_open(house: &Path) -> Result<Store, OpenError> {
    let vault = house.join("vault");
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    Store::open(&vault, &identity, &options())
}

#[test]
fn after_a_crash_between_any_two_commits_the_group_is_whole_or_not_there() {
    let group = Group::new();
    for (newer, there) in [
        (&[] as &[&str], false),
        (&["keyring"], false),
        (&["keyring", "vault"], true),
        (&["keyring", "vault", "audit"], true),
        (&["keyring", "vault", "audit", "index"], true),
    ] {
        let house = group.crashed(newer, ("before", "after"));
        group.stage(&house);
        for _ in 0..2 {
            // Twice: what is made good at the first start is not made good again at the next.
            let store = open(&house);
            assert_eq!(group.is_there(&house, &store), there, "newer: {newer:?}");
            create(&store, 20);
        }
    }
}

#[test]
fn a_document_half_placed_is_found() {
    let group = Group::new();
    let house = group.crashed(&["keyring", "vault", "audit", "index"], ("before", "after"));
    group.stage(&house);
    let store = open(&house);
    assert!(group.is_there(&house, &store));
    assert_eq!(std::fs::read_dir(house.join("vault/documents/staging")).unwrap().count(), 0);
}

#[test]
fn a_log_or_records_that_lost_what_was_committed_are_refused() {
    let group = Group::new();
    for (newer, from, said) in [
        // The log knows of a write that the records do not have.
        (&["keyring", "audit"] as &[&str], ("before", "after"), "vault.db"),
        // The records are ahead of the log by more than one group.
        (&["keyring", "vault"], ("earlier", "after"), "the log ends at entry"),
        // Both are shorter than what was indexed of them.
        (&["index"], ("before", "after"), "was indexed before"),
    ] {
        let house = group.crashed(newer, from);
        let error = told(&try_open(&house).err().expect("opened although something is lost"));
        assert!(error.contains(said) && error.contains("restore"), "newer: {newer:?}: {error}");
        std::fs::remove_dir_all(house).unwrap();
    }
}

/// No crash leaves a record without its key: the keyring is committed first.
#[test]
fn a_keyring_that_lost_a_key_is_told_when_the_record_is_read() {
    let group = Group::new();
    let house = group.crashed(&["vault", "audit", "index"], ("before", "after"));
    group.stage(&house);
    let store = open(&house);
    let snapshot = store.snapshot().unwrap();
    let error = snapshot.fields(&kind(), group.subject, &[crate::support::path("contact.email")]).unwrap_err();
    assert!(told(&error).contains("key of record") && told(&error).contains("restore"), "{error}");
}
