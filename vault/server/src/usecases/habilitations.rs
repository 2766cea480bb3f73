//! Giving, listing and withdrawing the habilitations of operators.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::habilitation::{Habilitation, HabilitationTerms};
use coffre_core::ids::HabilitationId;
use coffre_policies::Action;
use coffre_store::{Receipt, transactions};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::once::Recorded;
use super::plan::{Plan, Reading};
use crate::authentication::Operator;

/// What is asked for.
pub(crate) struct GiveHabilitation {
    pub(crate) terms: HabilitationTerms,
}

/// What is asked for.
pub(crate) struct ListHabilitations {
    pub(crate) kind: String,
    /// Only this operator's.
    pub(crate) operator: Option<Operator>,
}

/// What is asked for.
pub(crate) struct WithdrawHabilitation {
    pub(crate) id: HabilitationId,
}

impl Keeper {
    /// Habilitates an operator.
    pub(crate) async fn give_habilitation(
        self: &Arc<Self>,
        call: &Call,
        asked: GiveHabilitation,
    ) -> Result<(Habilitation, Recorded), Failure> {
        let kind = self.record_type(asked.terms.record_type.as_str())?.name().clone();
        let question = Question::whole(Action::GiveHabilitation, audit::Action::GiveHabilitation, Some(kind), None);
        let look = move |look: &Look<'_>| {
            look.at_large(&question, || {
                let giver = look.call.operator.as_ref().map_or("", Operator::as_str);
                let faults = look.keeper.policies.habilitation_faults(giver, &asked.terms);
                if !faults.is_empty() {
                    return Err(Failure::InvalidHabilitation { faults });
                }
                Ok(transactions::GiveHabilitation { terms: asked.terms.clone() })
            })
        };
        self.create(call, look).await
    }

    /// Lists those for records of a type, oldest first, whatever their state.
    pub(crate) async fn list_habilitations(
        self: &Arc<Self>,
        call: &Call,
        asked: ListHabilitations,
    ) -> Result<(Vec<Habilitation>, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question =
            Question::whole(Action::ListHabilitations, audit::Action::ListHabilitations, Some(kind.clone()), None);
        let look = move |look: &Look<'_>| {
            look.at_large(&question, || {
                let mut content = match &asked.operator {
                    Some(operator) => look.snapshot.habilitations_of(operator.as_str())?,
                    None => look.snapshot.habilitations()?,
                };
                content.retain(|given| given.terms.record_type == kind);
                Ok(Reading { claims: Vec::new(), content })
            })
        };
        self.disclose(call, look).await
    }

    /// Withdraws a habilitation: it opens nothing from its entry on.
    pub(crate) async fn withdraw_habilitation(
        self: &Arc<Self>,
        call: &Call,
        asked: WithdrawHabilitation,
    ) -> Result<(Habilitation, Receipt), Failure> {
        let question = Question::whole(Action::WithdrawHabilitation, audit::Action::WithdrawHabilitation, None, None);
        let look = move |look: &Look<'_>| withdrawal(look, &question, asked.id);
        self.change(call, look).await
    }
}

type Withdrawal = Plan<transactions::WithdrawHabilitation>;

fn withdrawal(look: &Look<'_>, question: &Question, id: HabilitationId) -> Result<Withdrawal, Failure> {
    let Some(found) = look.snapshot.habilitation(id)? else {
        return look.on_nothing(question, Failure::NoSuchHabilitation);
    };
    let question = Question { kind: Some(found.terms.record_type), ..question.clone() };
    look.at_large(&question, || Ok(transactions::WithdrawHabilitation { id }))
}
