//! A document's newest version while new ones are stored: a row is never seen before its content.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coffre_core::audit::{Action, DocumentRef};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_store::transactions::AddDocument;
use coffre_store::{Depends, Disclosure, Store};

use crate::support::{create, draft, kind, make, open};

const LENGTH: usize = 5_000;

fn store_version(store: &Store, subject: SubjectId, replaces: Option<DocumentId>, byte: u8) -> (DocumentId, u32) {
    let mut writer = store.stage_document(&kind(), subject, replaces, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&[byte; LENGTH]).unwrap();
    let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap().0
}

/// Reads the newest version to its end; gives its number.
fn read_newest(store: &Store, subject: SubjectId, document: DocumentId) -> u32 {
    let snapshot = store.snapshot().unwrap();
    let version = snapshot.document_version(subject, document).unwrap().unwrap();
    let content = snapshot.document(&kind(), subject, document, version).unwrap().unwrap();
    drop(snapshot);
    let mut entry = draft(Action::ReadDocument);
    entry.subjects = vec![subject];
    entry.document = Some(DocumentRef { id: document, version, sha256: None });
    let claims = vec![content.claim().clone()];
    let disclosure = Disclosure { draft: entry, reason: None, claims, depends: Depends::default() };
    let receipt = store.disclose(disclosure).wait().unwrap();
    let mut bytes = Vec::new();
    content.open(&receipt).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes == [u8::try_from(version).unwrap(); LENGTH], "version {version} with another's content");
    version
}

#[test]
fn the_newest_version_can_be_read_whenever_it_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let (document, _) = store_version(&store, subject, None, 1);
    let (stop, newest_seen, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let version = read_newest(&store, subject, document);
                    newest_seen.fetch_max(u64::from(version), Ordering::Relaxed);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for version in 2..=120 {
            assert_eq!(store_version(&store, subject, Some(document), version), (document, u32::from(version)));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(reads.load(Ordering::Relaxed) > 50 && newest_seen.load(Ordering::Relaxed) > 60);
    assert_eq!(read_newest(&store, subject, document), 120);
}
