//! Listing a record's documents, and reading one as a stream.

use std::sync::Arc;

use coffre_core::audit::{self, DocumentRef};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_policies::Action;
use coffre_store::{Depends, DocumentInfo, DocumentReader, Receipt, Undisclosed};

use super::call::Call;
use super::declared;
use super::document_stream::DocumentStream;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Found, Look, Question};
use super::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct ListDocuments {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// What is asked for.
pub(crate) struct ReadDocument {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) document: DocumentId,
    /// A former version instead of the current one.
    pub(crate) version: Option<u32>,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// A document's content before it is open.
struct Sealed {
    version: u32,
    content: Undisclosed<DocumentReader>,
    depends: Depends,
}

impl Keeper {
    /// Lists a record's documents at their current versions.
    pub(crate) async fn list_documents(
        self: &Arc<Self>,
        call: &Call,
        asked: ListDocuments,
    ) -> Result<(Vec<DocumentInfo>, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?;
        let question = Question {
            action: Action::ListDocuments,
            logged_as: audit::Action::ListDocuments,
            kind: Some(kind.name().clone()),
            fields: declared::document_fields(kind),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                let content = look.snapshot.documents(found.kind, found.subject)?;
                Ok(Reading { claims: vec![content.claim().clone()], content })
            })
        };
        let (documents, receipt) = self.disclose(call, look).await?;
        Ok((documents.open(&receipt)?, receipt))
    }

    /// Reads a document. Its first bytes are decrypted before this answers, so that a damaged small
    /// document is an error and not a broken answer.
    pub(crate) async fn read_document(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadDocument,
    ) -> Result<(DocumentInfo, DocumentStream, Receipt), Failure> {
        self.document_as(call, asked, audit::Action::ReadDocument).await
    }

    /// Reads a document for an export, which the entry says.
    pub(super) async fn export_document(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadDocument,
    ) -> Result<(DocumentInfo, DocumentStream, Receipt), Failure> {
        self.document_as(call, asked, audit::Action::ExportPortable).await
    }

    async fn document_as(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadDocument,
        logged_as: audit::Action,
    ) -> Result<(DocumentInfo, DocumentStream, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?;
        let question = Question {
            action: Action::ReadDocument,
            logged_as,
            kind: Some(kind.name().clone()),
            fields: declared::document_fields(kind),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        };
        let look = move |look: &Look<'_>| prepare(look, &question, &asked);
        let (sealed, receipt) = self.disclose(call, look).await?;
        let reader = sealed.content.open(&receipt)?;
        let info = reader.info().clone();
        let stream = DocumentStream::open(self.store.clone(), reader, sealed.depends).await?;
        Ok((info, stream, receipt))
    }
}

fn prepare(look: &Look<'_>, question: &Question, asked: &ReadDocument) -> Result<Plan<Reading<Sealed>>, Failure> {
    let mut plan = look.on_record(question, asked.subject, |found| seal(look, found, asked))?;
    let depends = plan.depends.clone();
    let version = match &mut plan.then {
        Ok(reading) => {
            reading.content.depends = depends;
            reading.content.version
        }
        // A refusal names the document that was asked for, 0 for the current version.
        Err(_) => asked.version.unwrap_or(0),
    };
    plan.draft.document = Some(DocumentRef { id: asked.document, version, sha256: None });
    Ok(plan)
}

fn seal(look: &Look<'_>, found: &Found<'_>, asked: &ReadDocument) -> Result<Reading<Sealed>, Failure> {
    let absent = || Failure::NoSuchDocument;
    let current = look.snapshot.document_version(found.subject, asked.document)?.ok_or_else(absent)?;
    let version = asked.version.unwrap_or(current);
    let content = look.snapshot.document(found.kind, found.subject, asked.document, version)?.ok_or_else(absent)?;
    let claims = vec![content.claim().clone()];
    Ok(Reading { claims, content: Sealed { version, content, depends: Depends::default() } })
}
