//! Steps of a rotation of the data broken at every COMMIT: what is encrypted anew is so with its entry and its file, or not at all.

use std::sync::atomic::AtomicBool;

use coffre_core::ids::DocumentId;
use coffre_core::keyset::Epochs;
use coffre_core::spool::DocumentName;

use super::broken::{Fate, break_commit};
use super::*;
use crate::document::StagedDocument;
use crate::rotation;
use crate::transactions::{AddDocument, BeginRotation, EraseSubject, ReencryptDocument, ReencryptRecord};

impl Bench {
    /// Whether everything of a person is of the second epoch, with its entries and one file. Or all of the first.
    fn rotated(&self, subject: SubjectId, document: DocumentId) -> bool {
        let file = |epoch| self.shared.folder.path(DocumentName { document, version: 1, epoch }).exists();
        let of = |table: &str| -> u32 {
            let sql = format!("SELECT min(epoch) FROM {table} WHERE subject = ?1");
            self.connection(Database::Vault).query_row(&sql, [subject.as_bytes()], |row| row.get(0)).unwrap()
        };
        let epoch = of("record_values");
        assert_eq!(of("documents"), epoch, "both are in one group");
        assert_eq!((file(1), file(2)), (epoch == 1, epoch == 2), "its file, and no other");
        assert!(self.shared.folder.staged().unwrap().is_empty());
        let logged = self.entries().iter().filter(|entry| entry.what.action == Action::Reencrypt).count();
        assert_eq!(logged, if epoch == 2 { 2 } else { 0 });
        let read = self.snapshot().former_document(&kind(), subject, document, 1).unwrap().unwrap();
        assert_eq!(std::io::read_to_string(read).unwrap(), "content");
        epoch == 2
    }
}

/// As `Store::announce_epoch`.
fn announce(dir: &Path) -> Epochs {
    let layout = crate::layout::Layout::new(&dir.join("vault"));
    let identity = Identity::read(&layout.server_identity()).unwrap();
    let mut unwrapped = root::unwrap(&layout, &layout.root_server(), &identity).unwrap();
    unwrapped.keys.epochs.announce(&mut SystemEntropy);
    root::write_keys(&layout, &unwrapped.root, &unwrapped.keys, &mut SystemEntropy).unwrap();
    unwrapped.keys.epochs
}

/// A vault whose data are being rotated: somebody, with a document that is staged under the second epoch.
fn under_way(dir: &Path) -> (Bench, SubjectId, DocumentId, StagedDocument) {
    make(dir);
    let mut bench = Bench::open(dir);
    let subject = bench.create(1);
    let document = bench.upload(subject);
    bench.shared.know_epochs(announce(dir));
    bench.commit(BeginRotation { epoch: 2, rate: None }, Action::RotateData).unwrap();
    let staged = bench.staged(subject, document);
    (bench, subject, document, staged)
}

fn broken_step(database: Database, fate: Fate) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, subject, document, staged) = under_way(dir.path());
    let files = bench.writer.files.as_mut().unwrap();
    let connection = match database {
        Database::Keyring => &mut files.keyring,
        Database::Vault => &mut files.vault,
        Database::Audit | Database::Index => &mut files.audit,
    };
    break_commit(connection, fate, 1);
    let former = DocumentName { document, version: 1, epoch: 1 };
    let (record, of_record) = job(ReencryptRecord { record_type: kind(), subject }, Action::Reencrypt);
    let document_anew = ReencryptDocument { record_type: kind(), former, staged, gone: Vec::new() };
    let (of, of_document) = job(document_anew, Action::Reencrypt);
    bench.writer.commit(vec![record, of], Vec::new());
    assert!(matches!(of_record.wait(), Err(CommitError::Unavailable(_))), "{database:?} {fate:?}");
    assert!(matches!(of_document.wait(), Err(CommitError::Unavailable(_))), "{database:?} {fate:?}");
    let other = bench.create(2);
    let rotated = bench.rotated(subject, document);
    assert!(bench.holds(subject, 1) && bench.holds(other, 2));
    drop(bench);
    let bench = Bench::open(dir.path());
    assert_eq!(bench.rotated(subject, document), rotated, "{database:?} {fate:?}");
    assert!(bench.holds(subject, 1) && bench.holds(other, 2));
    rotated
}

/// What it looks at would seem to be lost otherwise.
#[test]
fn a_former_file_stays_for_a_view_that_is_open_while_the_files_are_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, subject, document, staged) = under_way(dir.path());
    let file = |epoch| DocumentName { document, version: 1, epoch };
    break_commit(&mut bench.writer.files.as_mut().unwrap().vault, Fate::ReportedFailed, 1);
    let Bench { writer, readers, shared, .. } = &mut bench;
    let (readers, shared, looks) = (&*readers, &**shared, AtomicBool::new(false));
    let until = |what: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !what() {
            assert!(Instant::now() < deadline, "it does not come");
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let view = scope.spawn(|| {
            let snapshot = Snapshot::begin(shared, readers).unwrap();
            assert!(snapshot.record(&kind(), subject).unwrap().is_some());
            looks.store(true, Ordering::SeqCst);
            until(&|| shared.folder.path(file(2)).exists());
            let patience = Instant::now() + Duration::from_millis(50);
            while shared.folder.path(file(1)).exists() && Instant::now() < patience {
                std::thread::yield_now();
            }
            let read = snapshot.former_document(&kind(), subject, document, 1).unwrap().unwrap();
            assert_eq!(std::io::read_to_string(read).unwrap(), "content");
        });
        until(&|| looks.load(Ordering::SeqCst));
        let anew = ReencryptDocument { record_type: kind(), former: file(1), staged, gone: Vec::new() };
        let (anew, answer) = job(anew, Action::Reencrypt);
        writer.commit(vec![anew], Vec::new());
        assert!(matches!(answer.wait(), Err(CommitError::Unavailable(_))));
        let (other, answer) = job(record(new_subject(), 2), Action::Create);
        writer.commit(vec![other], Vec::new());
        answer.wait().unwrap();
        view.join().unwrap();
    });
    assert!(!shared.folder.path(file(1)).exists(), "then it goes");
}

#[test]
fn a_step_broken_at_any_commit_is_whole_or_not_there() {
    use Fate::{NotPersisted, ReportedFailed};
    assert!(!broken_step(Database::Keyring, NotPersisted));
    assert!(!broken_step(Database::Vault, NotPersisted));
    assert!(broken_step(Database::Vault, ReportedFailed));
    assert!(broken_step(Database::Audit, NotPersisted));
    assert!(broken_step(Database::Audit, ReportedFailed));
}

#[test]
fn a_beginning_that_is_reported_failed_is_in_force_all_the_same_and_one_that_is_lost_is_not() {
    for (fate, epoch) in [(Fate::ReportedFailed, 2), (Fate::NotPersisted, 1)] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let mut bench = Bench::open(dir.path());
        bench.shared.know_epochs(announce(dir.path()));
        break_commit(&mut bench.writer.files.as_mut().unwrap().vault, fate, 1);
        bench.commit(BeginRotation { epoch: 2, rate: None }, Action::RotateData).unwrap_err();
        let subject = bench.create(1);
        assert_eq!(bench.shared.epoch.number(), epoch, "{fate:?}");
        let vault = bench.connection(Database::Vault);
        assert_eq!(rotation::epoch(vault).unwrap(), epoch, "{fate:?}");
        let written: u32 = vault.query_row("SELECT max(epoch) FROM record_values", [], |row| row.get(0)).unwrap();
        assert_eq!(written, epoch, "{fate:?}");
        assert!(bench.holds(subject, 1));
    }
}

/// A rotation has begun since an upload did, which is about to be committed.
fn begun_during_an_upload(dir: &Path) -> (Bench, AddDocument) {
    make(dir);
    let mut bench = Bench::open(dir);
    let subject = bench.create(1);
    let staged = bench.staged(subject, DocumentId::random(&mut SystemEntropy));
    bench.shared.know_epochs(announce(dir));
    bench.commit(BeginRotation { epoch: 2, rate: None }, Action::RotateData).unwrap();
    (bench, AddDocument { record_type: kind(), staged: staged.into() })
}

#[test]
fn the_epoch_of_an_upload_is_in_use_until_its_row_can_be_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, add) = begun_during_an_upload(dir.path());
    let in_use = Arc::new(AtomicBool::new(false));
    let (seen, shared) = (Arc::clone(&in_use), Arc::clone(&bench.shared));
    let look = move || {
        seen.fetch_or(shared.epoch.is_former_in_use(), Ordering::SeqCst);
        false
    };
    bench.writer.files.as_mut().unwrap().vault.commit_hook(Some(look)).unwrap();
    bench.commit(add, Action::UploadDocument).unwrap();
    assert!(in_use.load(Ordering::SeqCst), "a rotation would not have waited for it");
    assert!(!bench.shared.epoch.is_former_in_use());
}

#[test]
fn the_epoch_of_an_upload_whose_commit_failed_is_in_use_until_the_files_are_opened_again() {
    for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
        let dir = tempfile::tempdir().unwrap();
        let (mut bench, add) = begun_during_an_upload(dir.path());
        break_commit(&mut bench.writer.files.as_mut().unwrap().vault, fate, 1);
        bench.commit(add, Action::UploadDocument).unwrap_err();
        assert!(bench.shared.epoch.is_former_in_use(), "{fate:?}: its row may be there");
        bench.create(2);
        assert!(!bench.shared.epoch.is_former_in_use(), "{fate:?}");
    }
}

#[test]
fn a_document_that_is_encrypted_anew_and_erased_in_one_group_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, subject, document, staged) = under_way(dir.path());
    let former = DocumentName { document, version: 1, epoch: 1 };
    let (anew, renewed) =
        job(ReencryptDocument { record_type: kind(), former, staged, gone: Vec::new() }, Action::Reencrypt);
    let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
    let (erase, erased) = job(erase, Action::Erase);
    bench.writer.commit(vec![anew, erase], Vec::new());
    assert!(renewed.wait().is_ok() && erased.wait().is_ok());
    for epoch in [1, 2] {
        assert!(!bench.shared.folder.path(DocumentName { epoch, ..former }).exists(), "of epoch {epoch}");
    }
    assert!(bench.shared.folder.staged().unwrap().is_empty());
}

#[test]
fn keys_that_are_older_than_the_records_open_no_vault() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let keys = dir.path().join("vault/keys.json");
    let former = std::fs::read(&keys).unwrap();
    let mut bench = Bench::open(dir.path());
    bench.shared.know_epochs(announce(dir.path()));
    bench.commit(BeginRotation { epoch: 2, rate: None }, Action::RotateData).unwrap();
    drop(bench);
    std::fs::write(&keys, former).unwrap();
    let owned = own(&dir.path().join("vault")).unwrap();
    let identity = Identity::read(&owned.layout.server_identity()).unwrap();
    let unwrapped = root::unwrap(&owned.layout, &owned.layout.root_server(), &identity).unwrap();
    let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
    let refused = open_with(owned.layout, unwrapped, &options).err().unwrap().to_string();
    assert!(refused.contains("data epoch 2, and keys.json knows epochs up to 1"), "{refused}");
}
