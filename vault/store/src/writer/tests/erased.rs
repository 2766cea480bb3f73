//! Erasures broken at every COMMIT: either nothing is erased, or all of it is, with its entry, and the
//! key is destroyed.

use std::io::Write;

use coffre_core::ids::DocumentId;
use coffre_core::spool::DocumentName;

use super::broken::{Fate, break_commit};
use super::*;
use crate::document::{DocumentWriter, Plan, StagedDocument};
use crate::keyring;
use crate::transactions::{AddDocument, EraseSubject};

impl Bench {
    /// A document of one version, ready to be committed under the epoch in use.
    pub(super) fn staged(&self, subject: SubjectId, document: DocumentId) -> StagedDocument {
        let key = self.snapshot().subject_key(&kind(), subject).unwrap().unwrap();
        let shared = &self.shared;
        let plan = Plan {
            folder: shared.folder.clone(),
            scope: shared.scope.clone(),
            kind: kind(),
            subject,
            key,
            keyset: shared.keys(),
            epoch: shared.epoch.current(),
            document,
            version: 1,
            file_name: "contrat.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
        };
        let mut writer = DocumentWriter::start(plan).unwrap();
        writer.write_all(b"content").unwrap();
        writer.finish().unwrap()
    }

    pub(super) fn upload(&mut self, subject: SubjectId) -> DocumentId {
        let document = DocumentId::random(&mut SystemEntropy);
        let staged = self.staged(subject, document);
        self.commit(AddDocument { record_type: kind(), staged: staged.into() }, Action::UploadDocument).unwrap();
        document
    }

    fn erase(&mut self, subject: SubjectId) -> Result<((), Receipt), CommitError<crate::transactions::EraseError>> {
        let erase = EraseSubject { record_type: kind(), subject, remember: vec![email().field] };
        self.commit(erase, Action::Erase)
    }

    /// Whether a person is erased: record, documents, grants and key gone, the entry and the keyed hash
    /// there. Or all the other way round.
    fn erased(&self, subject: SubjectId, number: u32, document: DocumentId) -> bool {
        let buried: bool = self
            .connection(Database::Keyring)
            .query_row("SELECT wrapped IS NULL FROM subject_keys WHERE subject = ?1", [subject.as_bytes()], |row| {
                row.get(0)
            })
            .unwrap();
        let logged = self.entries().iter().filter(|entry| entry.what.action == Action::Erase).count();
        let snapshot = self.snapshot();
        assert_eq!(snapshot.record(&kind(), subject).unwrap().is_none(), buried, "the record and its key");
        assert_eq!(snapshot.was_erased(&email(), &address(number)).unwrap(), buried, "remembered");
        assert_eq!(snapshot.find(&email(), &address(number), 10).unwrap().is_empty(), buried, "not found");
        assert_eq!(
            !self.shared.folder.path(DocumentName { document, version: 1, epoch: 1 }).exists(),
            buried,
            "its documents"
        );
        assert_eq!(logged, usize::from(buried), "the entry");
        buried
    }
}

fn broken_erasure(database: Database, fate: Fate, nth: u32) -> bool {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let document = bench.upload(subject);
    let files = bench.writer.files.as_mut().unwrap();
    let connection = match database {
        Database::Keyring => &mut files.keyring,
        Database::Vault => &mut files.vault,
        Database::Audit | Database::Index => &mut files.audit,
    };
    break_commit(connection, fate, nth);
    assert!(matches!(bench.erase(subject), Err(CommitError::Unavailable(_))), "{database:?} {fate:?} {nth}");
    let other = bench.create(2);
    let erased = bench.erased(subject, 1, document);
    assert!(bench.holds(other, 2));
    drop(bench);
    let bench = Bench::open(dir.path());
    assert_eq!(bench.erased(subject, 1, document), erased, "{database:?} {fate:?} {nth}");
    erased
}

#[test]
fn an_erasure_broken_at_any_commit_is_whole_or_not_there() {
    use Fate::{NotPersisted, ReportedFailed};
    assert!(!broken_erasure(Database::Keyring, NotPersisted, 1));
    assert!(!broken_erasure(Database::Vault, NotPersisted, 1));
    for (database, fate, nth) in [
        (Database::Vault, ReportedFailed, 1),
        (Database::Audit, NotPersisted, 1),
        (Database::Audit, ReportedFailed, 1),
        (Database::Keyring, NotPersisted, 2),
        (Database::Keyring, ReportedFailed, 1), // the first COMMIT is empty, so no frame of it is reported
    ] {
        assert!(broken_erasure(database, fate, nth), "{database:?} {fate:?}: committed, so it is gone through with");
    }
}

#[test]
fn a_document_that_is_stored_and_erased_in_one_group_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let document = DocumentId::random(&mut SystemEntropy);
    let staged = bench.staged(subject, document).into();
    let (add, added) = job(AddDocument { record_type: kind(), staged }, Action::UploadDocument);
    let erase = EraseSubject { record_type: kind(), subject, remember: vec![email().field] };
    let (erase, erased) = job(erase, Action::Erase);
    bench.writer.commit(vec![add, erase], Vec::new());
    assert!(added.wait().is_ok() && erased.wait().is_ok());
    assert!(bench.erased(subject, 1, document));
    assert!(bench.shared.folder.staged().unwrap().is_empty());
}

/// It holds everybody up, the longer the more keys there are.
#[test]
fn the_keyring_is_rebuilt_when_a_key_was_destroyed_since_and_not_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    // SQLite counts each `VACUUM` among the changes of the schema.
    let rebuilt = |bench: &Bench| {
        let number = || -> i64 {
            bench.connection(Database::Keyring).query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap()
        };
        let before = number();
        bench.writer.files.as_ref().unwrap().rebuild_keyring().unwrap();
        number() != before
    };
    let subject = bench.create(1);
    assert!(rebuilt(&bench), "what was destroyed before the files were opened is not known");
    bench.create(2);
    assert!(!rebuilt(&bench));
    bench.erase(subject).unwrap();
    assert!(rebuilt(&bench));
    assert!(!rebuilt(&bench));
}

/// Opening a vault takes no longer for all who were erased before.
#[test]
fn a_start_looks_only_at_those_whom_the_keyring_may_still_have() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (first, second) = (bench.create(1), bench.create(2));
    bench.erase(first).unwrap();
    bench.erase(second).unwrap();
    let until = |bench: &Bench, then: i64| {
        bench.connection(Database::Keyring).execute("UPDATE buried SET until = until + ?1", [then]).unwrap();
    };
    let buried = |bench: &Bench| {
        [first, second].map(|subject| !keyring::is_there(bench.connection(Database::Keyring), subject).unwrap())
    };
    // What no crash leaves: it shows who is looked at.
    let unbury = |bench: &Bench| {
        let sql = "UPDATE subject_keys SET wrapped = x'00', tombstone = NULL";
        bench.connection(Database::Keyring).execute(sql, []).unwrap();
        assert_eq!(buried(bench), [false, false]);
    };
    unbury(&bench);
    drop(bench);
    let bench = Bench::open(dir.path());
    assert_eq!(buried(&bench), [false, true], "the last is looked at, whom a crash may have left");
    let an_hour = 3_600_000_000;
    for (then, why) in [(an_hour, "the log has not come so far"), (-an_hour, "it lost what came later")] {
        unbury(&bench);
        until(&bench, then);
        // Another opening, as after a failure.
        erasures::finish(&bench.shared, bench.writer.files.as_ref().unwrap(), bench.writer.tail.time).unwrap();
        assert_eq!(buried(&bench), [true, true], "{why}");
    }
    unbury(&bench);
    bench.connection(Database::Keyring).execute("DROP TABLE buried", []).unwrap();
    drop(bench);
    assert_eq!(buried(&Bench::open(dir.path())), [true, true], "a vault of an earlier version");
}

/// A crash between the erasure's COMMIT and the destruction of the key and the files.
#[test]
fn an_erasure_that_a_crash_cut_short_is_finished_at_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let document = bench.upload(subject);
    let vault = dir.path().join("vault");
    copy_vault(&vault, &dir.path().join("before"));
    bench.erase(subject).unwrap();
    assert!(bench.erased(subject, 1, document));
    drop(bench);
    for late in ["keyring.db", "keyring.db-wal", "documents"] {
        let at = vault.join(late);
        if at.is_dir() {
            std::fs::remove_dir_all(&at).unwrap();
        } else {
            std::fs::remove_file(&at).unwrap();
        }
        copy_vault(&dir.path().join("before").join(late), &at);
    }
    assert!(Bench::open(dir.path()).erased(subject, 1, document));
}
