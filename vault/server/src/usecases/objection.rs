//! A person's objection to a purpose (GDPR article 21): like a withdrawal, it asks for no purpose of its own, and binds
//! the very next decision.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::grant::Grant;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_policies::Action;
use coffre_store::Receipt;
use coffre_store::transactions::{Answering, Object};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};

/// What is asked for.
pub(crate) struct ObjectToPurpose {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// The purpose that the person objects to.
    pub(crate) against: String,
    pub(crate) reason: Option<String>,
    /// The request that this fulfils.
    pub(crate) request: Option<FilingId>,
}

impl Keeper {
    /// Notes that a person objects to a purpose; gives the grants that were withdrawn.
    pub(crate) async fn object(
        self: &Arc<Self>,
        call: &Call,
        asked: ObjectToPurpose,
    ) -> Result<(Vec<Grant>, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let (subject, filing, purpose) = (asked.subject, asked.request, self.purpose(&asked.against)?);
        // Whoever withdraws grants may do so because the person objects.
        let question = Question::whole(Action::WithdrawGrant, audit::Action::Object, Some(kind), asked.reason);
        let look = move |look: &Look<'_>| {
            look.on_record(&question, subject, |found| {
                let open = look.keeper.policies.open_to_objection(found.kind);
                if !open.contains(&purpose.as_str()) {
                    let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
                    return Err(Failure::NoRightToObject { open });
                }
                let act = Object { record_type: found.kind.clone(), subject, purpose: purpose.clone() };
                Ok(Answering { act, subject, filing })
            })
        };
        self.change(call, look).await
    }
}
