//! Handing a stranger's request over to the record of the person who was found to have made it.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::filing::Filing;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_policies::Action;
use coffre_store::transactions;

use super::{Whose, on_request};
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::once::Recorded;
use crate::usecases::plan::Plan;

/// What is asked for.
pub(crate) struct LinkRequest {
    pub(crate) filing: FilingId,
    /// The type of the person's record.
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Links a request to a person's record.
    pub(crate) async fn link_request(
        self: &Arc<Self>,
        call: &Call,
        asked: LinkRequest,
    ) -> Result<(Filing, Recorded), Failure> {
        self.record_type(&asked.kind)?;
        self.create(call, move |look: &Look<'_>| prepare(look, &asked)).await
    }
}

/// Two questions: whether the caller decides requests of strangers, and those about records of that type.
fn prepare(look: &Look<'_>, asked: &LinkRequest) -> Result<Plan<transactions::LinkRequest>, Failure> {
    let question = Question {
        action: Action::DecideRequests,
        logged_as: audit::Action::LinkRequest,
        kind: None,
        fields: BTreeSet::new(),
        entire: true,
        purpose: None,
        reason: asked.reason.clone(),
    };
    let record_type = look.keeper.record_type(&asked.kind)?.name().clone();
    let (filing, subject) = (asked.filing, asked.subject);
    let plan = on_request(look, &question, filing, Whose::Any, |_, _| {
        Ok(transactions::LinkRequest { filing, record_type: record_type.clone(), subject })
    })?;
    let of_record = Question { kind: Some(record_type), ..question };
    let decided = look.judge_at_large(&of_record)?;
    if plan.then.is_ok() && decided.refusal.is_some() {
        return Ok(look.stop(&of_record, vec![subject], &decided, false));
    }
    Ok(plan)
}
