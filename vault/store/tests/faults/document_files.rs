//! A document's file that was changed, cut, extended or exchanged: an error, and never a byte that was
//! not stored.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use coffre_core::document::{HEADER, SEALED_CHUNK};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_store::Store;

use crate::papers::{content, download, open_document, upload};
use crate::support::{create, make, open};

/// Three chunks, the last one not full.
const LENGTH: usize = 150_000;

struct Shelf {
    dir: tempfile::TempDir,
    store: Store,
    subject: SubjectId,
    document: (DocumentId, u32),
}

impl Shelf {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let store = open(dir.path());
        let subject = create(&store, 1);
        let document = upload(&store, subject, None, &content(1, LENGTH));
        Self { dir, store, subject, document }
    }

    fn file(&self, (document, version): (DocumentId, u32)) -> PathBuf {
        let name = format!("{document}-{version}");
        self.dir.path().join("vault/documents").join(&name[..2]).join(name)
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        download(&self.store, self.subject, self.document)
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn one_changed_byte_anywhere_is_told_with_its_chunk() {
    let shelf = Shelf::new();
    let file = shelf.file(shelf.document);
    let end = fs::read(&file).unwrap().len();
    let chunk = |number: usize| HEADER + number * SEALED_CHUNK;
    for (at, said) in [
        (0, "not an encrypted document"),
        (20, "chunk 0"), // the salt: the key is another
        (chunk(0), "chunk 0"),
        (chunk(1) - 1, "chunk 0"), // its tag
        (chunk(1) + 7, "chunk 1"),
        (chunk(2), "chunk 2"),
        (end - 1, "chunk 2"),
    ] {
        flip(&file, at);
        let error = shelf.read().expect_err("a changed byte was not noticed");
        assert!(error.contains(said) && error.contains("restore"), "byte {at}: {error}");
        flip(&file, at);
        assert!(shelf.read().unwrap() == content(1, LENGTH), "byte {at} put back");
    }
}

#[test]
fn nothing_is_given_out_after_a_damaged_chunk() {
    let shelf = Shelf::new();
    flip(&shelf.file(shelf.document), HEADER + SEALED_CHUNK + 100);
    let mut reader = open_document(&shelf.store, shelf.subject, shelf.document).unwrap();
    let mut given = Vec::new();
    assert!(reader.read_to_end(&mut given).is_err());
    assert!(given == content(1, LENGTH)[..65_536], "what came before the damage");
    for _ in 0..3 {
        let mut more = [0; 4096];
        assert!(reader.read(&mut more).is_err(), "a caller that goes on must not be given the rest");
        assert_eq!(more, [0; 4096]);
    }
}

#[test]
fn a_cut_an_extension_and_a_missing_file_are_told() {
    let shelf = Shelf::new();
    let file = shelf.file(shelf.document);
    let sound = fs::read(&file).unwrap();
    let mut longer = sound.clone();
    longer.push(0);
    let cut_at_a_chunk = sound[..HEADER + 2 * SEALED_CHUNK].to_vec();
    for wrong in [sound[..sound.len() - 1].to_vec(), longer, cut_at_a_chunk, sound[..10].to_vec(), Vec::new()] {
        fs::write(&file, &wrong).unwrap();
        let error = shelf.read().expect_err("a wrong length was not noticed");
        assert!(error.contains("cannot be read: restore it from a backup"), "{} bytes: {error}", wrong.len());
    }
    fs::remove_file(&file).unwrap();
    assert!(shelf.read().unwrap_err().contains("cannot be read: restore it"));
    fs::write(&file, &sound).unwrap();
    assert!(shelf.read().unwrap() == content(1, LENGTH));
}

#[test]
fn a_file_of_another_document_person_or_version_does_not_open() {
    let shelf = Shelf::new();
    let (store, subject) = (&shelf.store, shelf.subject);
    let other = upload(store, subject, None, &content(2, LENGTH));
    let neighbour = create(store, 2);
    let theirs = upload(store, neighbour, None, &content(3, LENGTH));
    let newer = upload(store, subject, Some(shelf.document.0), &content(4, LENGTH));
    assert_eq!(newer, (shelf.document.0, 2));
    for stranger in [other, theirs, newer] {
        let sound = fs::read(shelf.file(shelf.document)).unwrap();
        fs::copy(shelf.file(stranger), shelf.file(shelf.document)).unwrap();
        let error = shelf.read().expect_err("another file was taken for it");
        assert!(error.contains("chunk 0"), "{error}");
        fs::write(shelf.file(shelf.document), sound).unwrap();
    }
    // An older version in the newer one's place: an honest file of the same document.
    fs::copy(shelf.file(shelf.document), shelf.file(newer)).unwrap();
    assert!(download(store, subject, newer).unwrap_err().contains("chunk 0"));
    assert!(download(store, neighbour, theirs).unwrap() == content(3, LENGTH), "others are as they were");
}
