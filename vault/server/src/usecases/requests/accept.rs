//! Accepting a proposed change: it is applied and the request answered in one commit. The values do not leave the
//! store to be applied; whoever wants to see them first reads the request.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::filing::Filing;
use coffre_core::ids::FilingId;
use coffre_policies::Action;
use coffre_store::Receipt;
use coffre_store::transactions::AcceptChange;

use super::file::fits;
use super::{RequestRefusal, Whose, on_request};
use crate::usecases::call::Call;
use crate::usecases::expected_version::ExpectedVersion;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::plan::Plan;

/// What is asked for.
pub(crate) struct AcceptRequest {
    pub(crate) filing: FilingId,
    pub(crate) expected: ExpectedVersion,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Applies what a request proposes.
    pub(crate) async fn accept_request(
        self: &Arc<Self>,
        call: &Call,
        asked: AcceptRequest,
    ) -> Result<(Filing, u32, Receipt), Failure> {
        let purpose = self.purpose(&asked.purpose)?;
        let look = move |look: &Look<'_>| prepare(look, &asked, &purpose);
        let ((filing, version), receipt) = self.change(call, look).await?;
        Ok((filing, version, receipt))
    }
}

/// Two questions: whether the caller decides requests, and whether it may change these fields of this record.
fn prepare(look: &Look<'_>, asked: &AcceptRequest, purpose: &str) -> Result<Plan<AcceptChange>, Failure> {
    let question = Question {
        action: Action::DecideRequests,
        logged_as: audit::Action::Amend,
        kind: None,
        fields: std::collections::BTreeSet::new(),
        entire: true,
        purpose: Some(purpose.to_owned()),
        reason: asked.reason.clone(),
    };
    let mut found = None;
    let plan = on_request(look, &question, asked.filing, Whose::Any, |filing, _| {
        found = Some(filing.clone());
        Ok(())
    })?;
    let Some(filing) = found else {
        let Plan { draft, reason, depends, then } = plan;
        let Err(refused) = then else { return Err(RequestRefusal::NoSuchRequest.into()) };
        return Ok(Plan { draft, reason, depends, then: Err(refused) });
    };
    if filing.fields.is_empty() {
        return Err(RequestRefusal::NothingProposed.into());
    }
    let question = Question {
        action: Action::Amend,
        kind: Some(filing.record_type.clone()),
        fields: filing.fields.iter().cloned().collect(),
        ..question
    };
    let mut plan = look.on_record(&question, filing.subject, |found| {
        let (expected_version, policies) = (asked.expected.of(found.state)?, Arc::clone(&look.keeper.policies));
        let kind = found.kind.clone();
        let still_fits = move |field: &_, value: Option<&_>| {
            policies.record_type(kind.as_str()).is_some_and(|kind| fits(kind, field, value).is_ok())
        };
        Ok(AcceptChange { filing: asked.filing, expected_version, fits: Box::new(still_fits) })
    })?;
    plan.draft.target = Some(format!("request {} ({})", filing.id, filing.kind));
    Ok(plan)
}
