//! Making a former version of a document the current one again, as a new version.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_policies::Action;
use coffre_store::transactions::{AddDocument, Offered};

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::{Keeper, seated};
use super::look::{Look, Question};
use super::once::Recorded;
use super::seats::seat_for_document;
use super::upload_document::Stored;

/// What is asked for.
pub(crate) struct RestoreDocument {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) document: DocumentId,
    /// The version to restore.
    pub(crate) version: u32,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Restores a former version of a document.
    pub(crate) async fn restore_document(
        self: &Arc<Self>,
        call: &Call,
        asked: RestoreDocument,
    ) -> Result<(Stored, Recorded), Failure> {
        let declared = self.record_type(&asked.kind)?;
        let kind = declared.name().clone();
        let question = Question {
            action: Action::UploadDocument,
            logged_as: audit::Action::RestoreDocument,
            kind: Some(kind.clone()),
            fields: declared::document_fields(declared),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        let (subject, document, version) = (asked.subject, asked.document, asked.version);
        let begin = question.clone();
        self.permit(call, move |look: &Look<'_>| look.on_record(&begin, subject, |_| Ok(()))).await?;
        // Encrypted again under its new version's own key: as long as the document is, so not in a view.
        let store = self.store.clone();
        let stage = move || {
            let staged = store.stage_former(&kind, subject, document, version)?;
            staged.ok_or(Failure::NoSuchDocument)
        };
        let staged = seated(seat_for_document().await, stage).await?;
        let sha256 = staged.sha256().to_owned();
        let staged = Offered::from(staged);
        let look = move |look: &Look<'_>| {
            look.on_record(&question, subject, |found| {
                Ok(AddDocument { record_type: found.kind.clone(), staged: staged.clone() })
            })
        };
        let ((id, version), recorded) = self.create(call, look).await?;
        Ok((Stored { id, version, sha256 }, recorded))
    }
}
