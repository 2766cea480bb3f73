//! Exports for the person whom the data are about: everything that is held, with why, for whom and who saw it (GDPR
//! article 15), and the data to be taken elsewhere (article 20). Whole or not at all: an operator who may not see a
//! category does not answer for the house.

mod access;
mod bulk;
mod kept;
mod portable;
mod tar;
mod test_data;
mod told_act;

use coffre_core::audit;
use coffre_core::filing::{Filing, IdentityCheck};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_policies::Action;
use coffre_store::transactions;

pub(crate) use access::{AccessExport, ExportAccess, Seen};
pub(crate) use bulk::{BulkExport, Confirmed, ExportProposal, Exported, ProposeExport};
pub(crate) use kept::Term;
pub(crate) use portable::{Archive, ExportPortable, Lock};
pub(crate) use test_data::{AgreedExport, TestDataRefusal};
pub(crate) use told_act::ToldAct;

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::requests::{RequestRefusal, Whose, on_request};

impl Keeper {
    fn question_of_export(
        &self,
        kind: &str,
        purpose: &str,
        reason: Option<String>,
        logged_as: audit::Action,
    ) -> Result<Question, Failure> {
        let kind = self.record_type(kind)?;
        Ok(Question {
            action: Action::Export,
            logged_as,
            kind: Some(kind.name().clone()),
            fields: declared::all_fields(kind),
            entire: true,
            purpose: Some(self.purpose(purpose)?),
            reason,
        })
    }

    /// Closes the request that an export fulfilled. Its entry is another one of the same call.
    async fn fulfilled(
        self: &std::sync::Arc<Self>,
        call: &Call,
        request: Option<FilingId>,
        by: audit::Action,
    ) -> Result<(), Failure> {
        let Some(filing) = request else { return Ok(()) };
        let question = Question {
            action: Action::DecideRequests,
            logged_as: audit::Action::FulfilRequest,
            kind: None,
            fields: std::collections::BTreeSet::new(),
            entire: true,
            purpose: None,
            reason: None,
        };
        let look = move |look: &Look<'_>| {
            on_request(look, &question, filing, Whose::Any, |_, _| Ok(transactions::FulfilRequest { filing, by }))
        };
        self.change(call, look).await.map(drop)
    }
}

/// Looks before anything is disclosed whether the export will fulfil the request.
fn fulfils(look: &Look<'_>, request: Option<FilingId>, subject: SubjectId, by: audit::Action) -> Result<(), Failure> {
    let Some(id) = request else { return Ok(()) };
    let filing: Filing = look.snapshot.filing(id)?.ok_or(RequestRefusal::NoSuchRequest)?;
    if !filing.state.is_pending() {
        return Err(RequestRefusal::Closed { state: filing.state }.into());
    }
    if filing.subject != subject || filing.kind.fulfilled_by() != by {
        return Err(RequestRefusal::AnotherMatter { kind: filing.kind }.into());
    }
    if filing.identity == IdentityCheck::NotChecked {
        return Err(RequestRefusal::NotIdentified.into());
    }
    Ok(())
}
