//! What is done with a request before it is answered, and refusing it.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::filing::{Filing, FilingKind, IdentityCheck};
use coffre_core::ids::FilingId;
use coffre_policies::Action;
use coffre_store::transactions::{self, Step};

use super::{Whose, on_request};
use crate::authentication::Operator;
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::once::Recorded;

/// Which step.
#[derive(Debug, Clone)]
pub(crate) enum StepAsked {
    /// Give it to an operator, or take it.
    Assign(Option<Operator>),
    Identify(IdentityCheck),
    Ask(String),
    Reply(String),
    Extend(String),
    NothingHeld,
    Unidentified(String),
    Refuse(String),
    Withdraw,
}

/// What is asked for.
pub(crate) struct TakeStep {
    pub(crate) filing: FilingId,
    pub(crate) step: StepAsked,
    pub(crate) reason: Option<String>,
}

impl StepAsked {
    /// What the policies are asked, how it is logged, and of whose requests.
    const fn is_asked_as(&self) -> (Action, audit::Action, Whose) {
        let (logged_as, whose) = match self {
            Self::Assign(_) => (audit::Action::AssignRequest, Whose::Any),
            Self::Identify(_) => (audit::Action::IdentifyRequester, Whose::Any),
            Self::Ask(_) => (audit::Action::AskAboutRequest, Whose::Any),
            Self::Reply(_) => (audit::Action::ReplyToRequest, Whose::Own),
            Self::Extend(_) => (audit::Action::ExtendRequest, Whose::Any),
            Self::NothingHeld => (audit::Action::AnswerNothingHeld, Whose::Any),
            Self::Unidentified(_) => (audit::Action::AnswerUnidentified, Whose::Any),
            Self::Refuse(_) => (audit::Action::RefuseRequest, Whose::Any),
            Self::Withdraw => (audit::Action::WithdrawRequest, Whose::Own),
        };
        match whose {
            Whose::Any => (Action::DecideRequests, logged_as, whose),
            Whose::Own => (Action::FollowRequests, logged_as, whose),
        }
    }

    /// Whether it is the filer's own.
    pub(crate) const fn is_the_filers(&self) -> bool {
        matches!(self.is_asked_as(), (_, _, Whose::Own))
    }

    fn for_store(&self, call: &Call) -> Step {
        match self.clone() {
            Self::Assign(operator) => {
                let operator = operator.as_ref().or(call.operator.as_ref()).map_or("", Operator::as_str);
                Step::Assign(operator.to_owned())
            }
            Self::Identify(check) => Step::Identify(check),
            Self::Ask(text) => Step::Ask(text),
            Self::Reply(text) => Step::Reply(text),
            Self::Extend(text) => Step::Extend(text),
            Self::NothingHeld => Step::NothingHeld,
            Self::Unidentified(text) => Step::Unidentified(text),
            Self::Refuse(text) => Step::Refuse(text),
            Self::Withdraw => Step::Withdraw,
        }
    }
}

impl Keeper {
    /// Takes a step with a request.
    pub(crate) async fn take_step(
        self: &Arc<Self>,
        call: &Call,
        asked: TakeStep,
    ) -> Result<(Filing, Recorded), Failure> {
        let (action, logged_as, whose) = asked.step.is_asked_as();
        let question = Question {
            action,
            logged_as,
            kind: None,
            fields: BTreeSet::new(),
            entire: true,
            purpose: None,
            reason: asked.reason.clone(),
        };
        let look = move |look: &Look<'_>| {
            let mut question = question.clone();
            if matches!(asked.step, StepAsked::Withdraw) && is_own_objection(look, asked.filing)? {
                question.action = Action::DecideRequests;
            }
            on_request(look, &question, asked.filing, whose, |_, _| {
                Ok(transactions::TakeStep { filing: asked.filing, step: asked.step.for_store(look.call) })
            })
        };
        self.create(call, look).await
    }
}

/// Whether the caller filed it, as an objection: taken back, grants open again what it has closed, and that is for whoever
/// decides.
fn is_own_objection(look: &Look<'_>, id: FilingId) -> Result<bool, Failure> {
    let filing = look.snapshot.filing(id)?;
    Ok(filing.is_some_and(|filing| filing.kind == FilingKind::Objection && filing.filer == look.application().id))
}
