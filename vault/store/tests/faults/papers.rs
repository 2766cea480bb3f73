//! Documents through the store: staged, stored, read back.

use std::convert::Infallible;
use std::io::{Read, Write};

use coffre_core::audit::{Action, DocumentRef};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_store::transactions::{AddDocument, AddDocumentError};
use coffre_store::{
    CommitError, Depends, Disclosure, DocumentReader, Pending, Receipt, StagedDocument, Store, Undisclosed,
};

use crate::support::{draft, kind};
use crate::told;

/// Bytes that differ from one number to the next and do not repeat.
pub(crate) fn content(number: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(number) << 1 | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn stage(store: &Store, subject: SubjectId, replaces: Option<DocumentId>, content: &[u8]) -> StagedDocument {
    let mut writer = store.stage_document(&kind(), subject, replaces, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn add(store: &Store, staged: StagedDocument) -> Result<(DocumentId, u32), CommitError<AddDocumentError>> {
    let add = AddDocument { record_type: kind(), staged: staged.into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().map(|(stored, _)| stored)
}

pub(crate) fn upload(
    store: &Store,
    subject: SubjectId,
    replaces: Option<DocumentId>,
    content: &[u8],
) -> (DocumentId, u32) {
    add(store, stage(store, subject, replaces, content)).unwrap()
}

/// A document's content, still undisclosed.
fn look_up(
    store: &Store,
    subject: SubjectId,
    document: (DocumentId, u32),
) -> Result<Undisclosed<DocumentReader>, String> {
    let snapshot = store.snapshot().map_err(|error| told(&error))?;
    let found = snapshot.document(&kind(), subject, document.0, document.1).map_err(|error| told(&error))?;
    Ok(found.expect("a stored document is there"))
}

/// A document's content, or what was said instead of it.
pub(crate) fn download(store: &Store, subject: SubjectId, document: (DocumentId, u32)) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    open_document(store, subject, document)?.read_to_end(&mut content).map_err(|error| told(&error))?;
    Ok(content)
}

/// A document's stream, disclosed.
pub(crate) fn open_document(
    store: &Store,
    subject: SubjectId,
    document: (DocumentId, u32),
) -> Result<DocumentReader, String> {
    ask(store, subject, document)?.open()
}

/// A document on its way: asked for, and not waited for.
pub(crate) struct Asked {
    content: Undisclosed<DocumentReader>,
    receipt: Pending<Receipt, Infallible>,
}

impl Asked {
    pub(crate) fn open(self) -> Result<DocumentReader, String> {
        let receipt = self.receipt.wait().map_err(|error| told(&error))?;
        self.content.open(&receipt).map_err(|error| told(&error))
    }
}

pub(crate) fn ask(store: &Store, subject: SubjectId, document: (DocumentId, u32)) -> Result<Asked, String> {
    let content = look_up(store, subject, document)?;
    let mut entry = draft(Action::ReadDocument);
    entry.subjects = vec![subject];
    entry.document = Some(DocumentRef { id: document.0, version: document.1, sha256: None });
    let claims = vec![content.claim().clone()];
    let receipt = store.disclose(Disclosure { draft: entry, reason: None, claims, depends: Depends::default() });
    Ok(Asked { content, receipt })
}
