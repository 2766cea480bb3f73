//! The receipt of a consent, for the person who gave it.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit::{self, GrantRef};
use coffre_core::grant::Grant;
use coffre_core::ids::GrantId;
use coffre_core::record::RecordTypeName;
use coffre_policies::{Action, ReceiptOf};
use coffre_store::Receipt;
use serde_json::Value;

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct ReadReceipt {
    pub(crate) grant: GrantId,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// The receipt of a consent: to whoever may list the record's grants.
    pub(crate) async fn read_receipt(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadReceipt,
    ) -> Result<(Value, Receipt), Failure> {
        let question = Question {
            action: Action::ListGrants,
            logged_as: audit::Action::ReadReceipt,
            kind: None,
            fields: BTreeSet::new(),
            entire: true,
            purpose: None,
            reason: asked.reason,
        };
        let look = move |look: &Look<'_>| reading(look, &question, asked.grant);
        self.disclose(call, look).await
    }
}

fn reading(look: &Look<'_>, question: &Question, id: GrantId) -> Result<Plan<Reading<Value>>, Failure> {
    let Some((kind, grant)) = look.snapshot.grant(id)? else { return look.on_nothing(question, Failure::NoSuchGrant) };
    let question = Question { kind: Some(kind.clone()), ..question.clone() };
    let mut plan = look.on_record(&question, grant.subject, |_| {
        Ok(Reading { claims: Vec::new(), content: receipt(look, &kind, &grant)? })
    })?;
    plan.draft.grants = vec![GrantRef { id, version: grant.version, basis: grant.terms.basis }];
    Ok(plan)
}

fn receipt(look: &Look<'_>, kind: &RecordTypeName, grant: &Grant) -> Result<Value, Failure> {
    let given_at = look.snapshot.grant_given_at(grant.id)?.ok_or(Failure::NoSuchGrant)?;
    let of = ReceiptOf { grant, record_type: kind, given_at, now: look.now };
    look.keeper.policies.consent_receipt(&of).ok_or(Failure::NotAConsent { basis: grant.terms.basis })
}
