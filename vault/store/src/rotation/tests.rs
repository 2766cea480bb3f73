//! When former files of documents go.

#![expect(clippy::unwrap_used, reason = "tests")]
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::spool::DocumentName;

use super::*;
use crate::clock::{SystemClock, SystemEntropy};
use crate::disclosure::Depends;
use crate::identity::Identity;
use crate::init::{InitPlan, init};
use crate::layout::Layout;
use crate::open::OpenOptions;
use crate::store::Store;
use crate::transactions::{AddDocument, BeginRotation, CreateRecord, Transaction};
use crate::writer::removed_documents;

fn kind() -> RecordTypeName {
    "policyholder".parse().unwrap()
}

fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
    let draft = Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy));
    store.transact(transaction, draft, None, Depends::default()).wait().unwrap().0
}

fn added(store: &Store, subject: SubjectId) -> (DocumentId, u32) {
    let mut writer = store.stage_document(&kind(), subject, None, "a.pdf", "application/pdf").unwrap();
    writer.write_all(b"content").unwrap();
    let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
    done(store, add, Action::UploadDocument)
}

/// A vault with one record and its document, whose rotation has begun.
fn begun(folder: &Path) -> (Store, SubjectId, DocumentName) {
    let recovery_identity_file = folder.join("recovery");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&folder.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
    let layout = Layout::new(&folder.join("vault"));
    let identity = Identity::read(&layout.server_identity()).unwrap();
    let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 2 };
    let store = Store::open(layout.root(), &identity, &options).unwrap();
    let fields = Fields([("contact.email".parse().unwrap(), "a@example.fr".into())].into());
    let create = CreateRecord { record_type: kind(), subject: store.new_subject(), fields };
    let subject = done(&store, create, Action::Create);
    let (document, version) = added(&store, subject);
    let epoch = store.announce_epoch().unwrap();
    done(&store, BeginRotation { epoch, rate: None }, Action::RotateData);
    (store, subject, DocumentName { document, version, epoch: 1 })
}

fn are_there(store: &Store, name: DocumentName) -> [bool; 2] {
    [1, 2].map(|epoch| store.shared().folder.path(DocumentName { epoch, ..name }).exists())
}

fn until_it_ends_or_waits(pass: &mut Pass, store: &Store) -> Step {
    loop {
        match pass.step(store, 1, &|| false).unwrap() {
            Step::Went(_) => {}
            other => return other,
        }
    }
}

#[test]
fn a_base_backup_that_may_still_copy_a_former_file_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _, name) = begun(folder.path());
    let mut pass = Pass::begin(&store).unwrap().unwrap();
    store.shared().capturing.store(true, Ordering::SeqCst);
    assert_eq!(until_it_ends_or_waits(&mut pass, &store), Step::Waits(Waits::BaseBackup));
    assert_eq!(are_there(&store, name), [true, true]);
    store.shared().capturing.store(false, Ordering::SeqCst);
    assert_eq!(until_it_ends_or_waits(&mut pass, &store), Step::Finished);
    assert_eq!(are_there(&store, name), [false, true]);
}

#[test]
fn a_view_that_saw_the_former_row_still_opens_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, subject, name) = begun(folder.path());
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.record(&kind(), subject).unwrap().is_some(), "the view begins");
    let ((renewed, is_renewed), other) = (channel(), store.clone());
    let passing = std::thread::spawn(move || {
        let mut pass = Pass::begin(&other).unwrap().unwrap();
        while pass.step(&other, 1, &|| false).unwrap()
            != Step::Went(Done { documents: 1, document_bytes: 71, ..Done::default() })
        {}
        renewed.send(()).unwrap();
        until_it_ends_or_waits(&mut pass, &other)
    });
    is_renewed.recv().unwrap();
    let reader = snapshot.former_document(&kind(), subject, name.document, name.version).unwrap().unwrap();
    drop(snapshot);
    assert_eq!(std::io::read_to_string(reader).unwrap(), "content");
    assert_eq!(passing.join().unwrap(), Step::Finished);
    assert_eq!(are_there(&store, name), [false, true]);
}

#[test]
fn what_is_to_be_removed_is_forgotten_along_the_way_so_that_the_end_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let (store, subject, _) = begun(folder.path());
    let to_its_end = || {
        let mut pass = Pass::begin(&store).unwrap().unwrap();
        let (mut renewed, mut remembered) = (0, 0);
        loop {
            match pass.step(&store, 1, &|| false).unwrap() {
                Step::Went(done) => renewed += done.documents,
                other => return (other, renewed, remembered),
            }
            let left = store.snapshot().unwrap().ask(|reader| Ok(removed_documents(&reader.vault, 9)?)).unwrap();
            remembered = remembered.max(left.len());
        }
    };
    assert_eq!(to_its_end(), (Step::Finished, 1, 1));
    for _ in 0..9 {
        added(&store, subject);
    }
    let epoch = store.announce_epoch().unwrap();
    done(&store, BeginRotation { epoch, rate: None }, Action::RotateData);
    assert_eq!(to_its_end(), (Step::Finished, 10, 1));
}
