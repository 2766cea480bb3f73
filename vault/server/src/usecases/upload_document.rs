//! Storing a document while it arrives: encrypted into staging batch by batch, committed at its end.
//! An upload that is dropped before that leaves nothing.

use std::io::Write as _;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_policies::Action;
use coffre_store::transactions::{AddDocument, Offered};
use coffre_store::{DocumentWriter, StageError};
use serde::Serialize;

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::{Keeper, blocking, seated};
use super::look::{Look, Question};
use super::once::Recorded;
use super::seats::seat_for_document;

/// So much is collected before it is handed to a blocking thread.
const BATCH: usize = 512 * 1024;

/// What is asked for.
pub(crate) struct UploadDocument {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// The document that this is a new version of.
    pub(crate) replaces: Option<DocumentId>,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
    /// What the caller says its content's SHA-256 is, in hexadecimal.
    pub(crate) sha256: Option<String>,
    /// The most bytes it may have.
    pub(crate) most: u64,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// What was stored.
#[derive(Debug, Serialize)]
pub(crate) struct Stored {
    pub(crate) id: DocumentId,
    pub(crate) version: u32,
    pub(crate) sha256: String,
}

/// A document on its way in.
pub(crate) struct Upload {
    keeper: Arc<Keeper>,
    question: Question,
    subject: SubjectId,
    sha256: Option<String>,
    most: u64,
    length: u64,
    batch: Vec<u8>,
    writer: Writer,
}

/// The writer, which encrypts one batch while the next is collected.
enum Writer {
    Idle(Box<DocumentWriter>),
    Busy(tokio::task::JoinHandle<Result<Box<DocumentWriter>, Failure>>),
    Lost,
}

impl Keeper {
    /// Begins an upload: decided before a byte is taken, and again at its end.
    pub(crate) async fn upload_document(
        self: &Arc<Self>,
        call: &Call,
        asked: UploadDocument,
    ) -> Result<Upload, Failure> {
        let kind = self.record_type(&asked.kind)?;
        let question = Question {
            action: Action::UploadDocument,
            logged_as: audit::Action::UploadDocument,
            kind: Some(kind.name().clone()),
            fields: declared::document_fields(kind),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        let (kind, subject, replaces) = (kind.name().clone(), asked.subject, asked.replaces);
        let begin = question.clone();
        let look = move |look: &Look<'_>| {
            look.on_record(&begin, subject, |_| match replaces {
                Some(document) if look.snapshot.document_version(subject, document)?.is_none() => {
                    Err(Failure::NoSuchDocument)
                }
                _ => Ok(()),
            })
        };
        self.permit(call, look).await?;
        let (store, file_name, media_type) = (self.store.clone(), asked.file_name, asked.media_type);
        let stage = move || Ok(store.stage_document(&kind, subject, replaces, &file_name, &media_type)?);
        let writer = Writer::Idle(Box::new(seated(seat_for_document().await, stage).await?));
        Ok(Upload {
            keeper: Arc::clone(self),
            question,
            subject,
            sha256: asked.sha256,
            most: asked.most,
            length: 0,
            batch: Vec::new(),
            writer,
        })
    }
}

impl Upload {
    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.length > self.most {
            return Err(Failure::TooLong { most: self.most });
        }
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let mut writer = self.idle_writer().await?;
        let seat = seat_for_document().await;
        self.writer = Writer::Busy(tokio::task::spawn_blocking(move || {
            let _seat = seat;
            writer.write_all(&batch).map_err(StageError::Write)?;
            Ok(writer)
        }));
        Ok(())
    }

    async fn idle_writer(&mut self) -> Result<Box<DocumentWriter>, Failure> {
        let lost = || Failure::Internal { what: "the writer of an upload was lost".to_owned() };
        match std::mem::replace(&mut self.writer, Writer::Lost) {
            Writer::Idle(writer) => Ok(writer),
            Writer::Busy(task) => task.await.map_err(|_| lost())?,
            Writer::Lost => Err(lost()),
        }
    }

    /// Ends the document: durable in staging, then committed with its entry. What arrived tells which call it is.
    pub(crate) async fn finish(mut self, call: impl FnOnce(&str) -> Call) -> Result<(Stored, Recorded), Failure> {
        self.flush().await?;
        let writer = self.idle_writer().await?;
        let staged = blocking(move || Ok(writer.finish()?)).await?;
        let sha256 = staged.sha256().to_owned();
        if self.sha256.is_some_and(|announced| announced != sha256) {
            return Err(Failure::DigestMismatch);
        }
        let call = call(&sha256);
        let (question, subject) = (self.question, self.subject);
        let staged = Offered::from(staged);
        let look = move |look: &Look<'_>| {
            look.on_record(&question, subject, |found| {
                Ok(AddDocument { record_type: found.kind.clone(), staged: staged.clone() })
            })
        };
        let ((id, version), recorded) = self.keeper.create(&call, look).await?;
        Ok((Stored { id, version, sha256 }, recorded))
    }
}
