//! Uploads that meet, and uploads that a crash leaves: each is staged under a name of its own.

use std::path::Path;

use coffre_core::ids::DocumentId;
use coffre_store::CommitError;
use coffre_store::transactions::AddDocumentError;

use crate::papers::{add, content, download, stage, upload};
use crate::proof;
use crate::support::{create, make, open};

fn staged(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("vault/documents/staging")).unwrap().count()
}

#[test]
fn of_two_uploads_of_the_same_next_version_the_second_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let (document, _) = upload(&store, subject, None, &content(1, 1_000));
    let (one, other) = (
        stage(&store, subject, Some(document), &content(2, 90_000)),
        stage(&store, subject, Some(document), &content(3, 90_000)),
    );
    assert_eq!((one.version(), other.version(), staged(dir.path())), (2, 2, 2));
    let third = stage(&store, subject, Some(document), &content(4, 10));
    assert_eq!(add(&store, other).unwrap(), (document, 2));
    for late in [one, third] {
        let refused = add(&store, late);
        assert!(matches!(refused, Err(CommitError::Refused(AddDocumentError::Stale))), "{:?}", refused.map(drop));
    }
    assert_eq!(staged(dir.path()), 0);
    assert!(download(&store, subject, (document, 2)).unwrap() == content(3, 90_000), "the winner's content");
    assert_eq!(upload(&store, subject, Some(document), &content(5, 10)), (document, 3));
    proof::documents_and_entries_agree(&store, &dir.path().join("vault"));
}

#[test]
fn what_a_killed_upload_leaves_is_removed_at_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 1);
    let (document, _): (DocumentId, u32) = upload(&store, subject, None, &content(1, 1_000));
    for number in 2..5 {
        std::mem::forget(stage(&store, subject, Some(document), &content(number, 1_000)));
    }
    drop(store);
    assert_eq!(staged(dir.path()), 3);
    let store = open(dir.path());
    assert_eq!(staged(dir.path()), 0);
    assert_eq!(upload(&store, subject, Some(document), &content(9, 1_000)), (document, 2));
    assert!(download(&store, subject, (document, 2)).unwrap() == content(9, 1_000));
}
