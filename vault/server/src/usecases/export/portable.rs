//! The data of a person to be taken elsewhere (GDPR article 20): `data.json` and the documents, in a tar archive that
//! age encrypts to a recipient or passphrase of the person's. Made while it is sent: nothing of it is on disk, and a
//! client who reads slowly holds no thread. Each document has an entry of its own before its first byte leaves.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use age::stream::StreamWriter;
use coffre_core::audit;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_store::{DocumentInfo, Receipt, Undisclosed};
use serde_json::json;
use thiserror::Error;

use super::{fulfils, tar};
use crate::usecases::call::Call;
use crate::usecases::document_stream::DocumentStream;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::{Keeper, seated};
use crate::usecases::look::Look;
use crate::usecases::plan::Reading;
use crate::usecases::read_document::ReadDocument;
use crate::usecases::seats::{seat, seat_for_passphrase};

/// The fewest characters of a passphrase.
const SHORTEST: usize = 12;

/// What is asked for.
pub(crate) struct ExportPortable {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
    /// The request that this answers.
    pub(crate) request: Option<FilingId>,
    pub(crate) lock: Lock,
}

/// What opens the archive.
pub(crate) enum Lock {
    /// An age recipient (`age1…`).
    Recipient(Box<age::x25519::Recipient>),
    /// A passphrase, which the person is told another way.
    Passphrase(SecretString),
}

/// What cannot lock an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum LockError {
    /// Not a recipient.
    #[error("recipient is no age recipient: it starts with age1, and `age-keygen` makes one")]
    Recipient,
    /// Too easily guessed.
    #[error("passphrase has fewer than {SHORTEST} characters: take several words")]
    Short,
    /// None or both.
    #[error("name either recipient or passphrase")]
    One,
}

impl Lock {
    /// From what was sent.
    pub(crate) fn of(recipient: Option<&str>, passphrase: Option<String>) -> Result<Self, LockError> {
        match (recipient, passphrase) {
            (Some(recipient), None) => {
                recipient.parse().map(|key| Self::Recipient(Box::new(key))).map_err(|_| LockError::Recipient)
            }
            (None, Some(passphrase)) if passphrase.chars().count() < SHORTEST => Err(LockError::Short),
            (None, Some(passphrase)) => Ok(Self::Passphrase(SecretString::from(passphrase))),
            _ => Err(LockError::One),
        }
    }

    /// Begins an archive. A passphrase is stretched, which takes a second.
    fn close(&self, into: Outbox) -> io::Result<StreamWriter<Outbox>> {
        let encryptor = match self {
            Self::Recipient(key) => {
                let recipients = std::iter::once(key.as_ref() as &dyn age::Recipient);
                age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?
            }
            Self::Passphrase(passphrase) => age::Encryptor::with_user_passphrase(passphrase.clone()),
        };
        encryptor.wrap_output(into)
    }
}

/// What is encrypted and waits to be sent.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<Vec<u8>>>);

impl Outbox {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Sealed {
    kind: RecordTypeName,
    version: u32,
    fields: Undisclosed<Fields>,
    documents: Undisclosed<Vec<DocumentInfo>>,
}

/// An archive on its way out.
pub(crate) struct Archive {
    keeper: Arc<Keeper>,
    call: Call,
    kind: String,
    subject: SubjectId,
    purpose: String,
    request: Option<FilingId>,
    left: VecDeque<DocumentInfo>,
    current: Option<(DocumentStream, u64)>,
    writer: Option<StreamWriter<Outbox>>,
    outbox: Outbox,
}

impl Keeper {
    /// Begins the archive of a person's data.
    pub(crate) async fn export_portable(
        self: &Arc<Self>,
        call: &Call,
        asked: ExportPortable,
    ) -> Result<(Archive, Receipt), Failure> {
        let by = audit::Action::ExportPortable;
        let question = self.question_of_export(&asked.kind, &asked.purpose, asked.reason, by)?;
        let (subject, request) = (asked.subject, asked.request);
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| {
                fulfils(look, request, subject, by)?;
                let opened: Vec<FieldPath> = found.decided.opened.iter().cloned().collect();
                let fields = look.snapshot.fields(found.kind, subject, &opened)?;
                let documents = look.snapshot.documents(found.kind, subject)?;
                let claims = vec![fields.claim().clone(), documents.claim().clone()];
                let (kind, version) = (found.kind.clone(), found.state.version);
                Ok(Reading { claims, content: Sealed { kind, version, fields, documents } })
            })?;
            plan.draft.target = request.map(|id| format!("request {id}"));
            Ok(plan)
        };
        let (sealed, receipt) = self.disclose(call, look).await?;
        let (fields, documents) = (sealed.fields.open(&receipt)?, sealed.documents.open(&receipt)?);
        let data = data(&sealed.kind, subject, sealed.version, &fields, &documents);
        let (outbox, closed_by) = (Outbox::default(), asked.lock);
        let seat = match closed_by {
            Lock::Recipient(_) => seat().await,
            Lock::Passphrase(_) => seat_for_passphrase().await,
        };
        let into = outbox.clone();
        let now = self.now().as_seconds();
        let begun = move || {
            let mut writer = closed_by.close(into)?;
            let header = tar::header("data.json", data.len() as u64, now).ok_or_else(unfit)?;
            writer.write_all(&header)?;
            writer.write_all(&data)?;
            writer.write_all(tar::padding(data.len() as u64))?;
            Ok::<_, io::Error>(writer)
        };
        let broken = |error: io::Error| Failure::Internal { what: format!("an archive could not be begun: {error}") };
        let writer = seated(seat, move || begun().map_err(broken)).await?;
        let archive = Archive {
            keeper: Arc::clone(self),
            call: call.clone(),
            kind: asked.kind,
            subject,
            purpose: asked.purpose,
            request,
            left: documents.into(),
            current: None,
            writer: Some(writer),
            outbox,
        };
        Ok((archive, receipt))
    }
}

impl Archive {
    /// The next bytes; `None` at the end. An archive that is broken off does not decrypt to its end, which age notices.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        loop {
            let ready = self.outbox.take();
            if !ready.is_empty() {
                return Some(Ok(ready));
            }
            self.writer.as_ref()?;
            if let Err(error) = self.step().await {
                self.writer = None;
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> io::Result<()> {
        if let Some((mut stream, length)) = self.current.take() {
            match stream.next().await.transpose()? {
                Some(batch) => {
                    self.write(&batch)?;
                    self.current = Some((stream, length));
                }
                None => self.write(tar::padding(length))?,
            }
            return Ok(());
        }
        if let Some(info) = self.left.pop_front() {
            let asked = ReadDocument {
                kind: self.kind.clone(),
                subject: self.subject,
                document: info.id,
                version: Some(info.version),
                purpose: self.purpose.clone(),
                reason: None,
            };
            let read = self.keeper.export_document(&self.call, asked).await;
            let (info, stream, _) = read.map_err(io::Error::other)?;
            let name = format!("documents/{}", info.id);
            let header = tar::header(&name, info.length, info.stored_at.as_seconds()).ok_or_else(unfit)?;
            self.write(&header)?;
            self.current = Some((stream, info.length));
            return Ok(());
        }
        self.write(&tar::END)?;
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        let by = audit::Action::ExportPortable;
        if let Err(failure) = self.keeper.fulfilled(&self.call, self.request, by).await {
            // The archive is whole; that the request is still open is for Legal to see.
            tracing::error!(request = %self.call.request, %failure, "an export was made and its request not closed");
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes))
    }
}

/// `data.json`: docs/formats/exports.md.
fn data(kind: &RecordTypeName, id: SubjectId, version: u32, fields: &Fields, documents: &[DocumentInfo]) -> Vec<u8> {
    let document = |info: &DocumentInfo| {
        json!({
            "path": format!("documents/{}", info.id),
            "file_name": info.file_name,
            "media_type": info.media_type,
            "length": info.length,
            "sha256": info.sha256,
            "stored_at": info.stored_at,
        })
    };
    let documents: Vec<_> = documents.iter().map(document).collect();
    let data = json!({
        "format": "coffre-portable/1", "type": kind, "id": id, "version": version, "fields": fields, "documents": documents,
    });
    data.to_string().into_bytes()
}

fn unfit() -> io::Error {
    io::Error::other("a file does not fit into an archive")
}
