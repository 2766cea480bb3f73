//! Giving, listing and withdrawing grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::Category;
use coffre_policies::Action;
use coffre_store::{Objection, Receipt, transactions};

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::once::Recorded;
use super::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct GiveGrant {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// Its `fields` are those named one by one.
    pub(crate) terms: GrantTerms,
    /// Whole categories: their fields as they are declared now.
    pub(crate) categories: BTreeSet<Category>,
    pub(crate) reason: Option<String>,
}

/// What is asked for.
pub(crate) struct ListGrants {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) reason: Option<String>,
}

/// What is asked for.
pub(crate) struct WithdrawGrant {
    pub(crate) grant: GrantId,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Gives a grant.
    pub(crate) async fn give_grant(
        self: &Arc<Self>,
        call: &Call,
        asked: GiveGrant,
    ) -> Result<(Grant, Recorded), Failure> {
        let declared = self.record_type(&asked.kind)?;
        let (subject, mut terms) = (asked.subject, asked.terms);
        for category in &asked.categories {
            declared::has_category(declared, category)?;
            let fields = declared.fields().iter().map(|field| &field.path);
            terms.fields.extend(fields.filter(|path| path.category() == *category).cloned());
        }
        let kind = declared.name().clone();
        let question = Question::whole(Action::GiveGrant, audit::Action::GiveGrant, Some(kind), asked.reason);
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| {
                let faults = look.keeper.policies.grant_faults(found.kind, &terms);
                if !faults.is_empty() {
                    return Err(Failure::InvalidGrant { faults });
                }
                Ok(transactions::GiveGrant { record_type: found.kind.clone(), subject, terms: terms.clone() })
            })?;
            if plan.then.is_ok() {
                plan.draft.fields = terms.fields.iter().cloned().collect();
                plan.draft.purpose = Some(terms.purpose.clone());
            }
            Ok(plan)
        };
        self.create(call, look).await
    }

    /// Lists a record's grants, oldest first, whatever their state, and what the person objected to.
    pub(crate) async fn list_grants(
        self: &Arc<Self>,
        call: &Call,
        asked: ListGrants,
    ) -> Result<((Vec<Grant>, Vec<Objection>), Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question = Question::whole(Action::ListGrants, audit::Action::ListGrants, Some(kind), asked.reason);
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                let grants = look.snapshot.grants(found.subject)?.to_vec();
                let objections = look.snapshot.objections(found.subject)?;
                Ok(Reading { claims: Vec::new(), content: (grants, objections) })
            })
        };
        self.disclose(call, look).await
    }

    /// Withdraws a grant: it opens nothing from its entry on.
    pub(crate) async fn withdraw_grant(
        self: &Arc<Self>,
        call: &Call,
        asked: WithdrawGrant,
    ) -> Result<(Grant, Receipt), Failure> {
        let question = Question::whole(Action::WithdrawGrant, audit::Action::WithdrawGrant, None, asked.reason);
        let look = move |look: &Look<'_>| withdrawal(look, &question, asked.grant);
        self.change(call, look).await
    }
}

fn withdrawal(look: &Look<'_>, question: &Question, id: GrantId) -> Result<Plan<transactions::WithdrawGrant>, Failure> {
    let Some((kind, grant)) = look.snapshot.grant(id)? else { return look.on_nothing(question, Failure::NoSuchGrant) };
    let question = Question { kind: Some(kind), ..question.clone() };
    look.on_record(&question, grant.subject, |_| Ok(transactions::WithdrawGrant { grant: id }))
}
