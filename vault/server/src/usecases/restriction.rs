//! Restricting processing of a record (GDPR article 18) and ending that: it binds every decision
//! committed after it, reads in flight included.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_policies::Action;
use coffre_store::Receipt;
use coffre_store::transactions::{Answering, Restricted, Restricting, SetRestriction};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};

/// What is asked for.
pub(crate) struct Restrict {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) act: Restricting,
    pub(crate) purpose: String,
    pub(crate) reason: String,
    /// The request that the restriction fulfils.
    pub(crate) request: Option<FilingId>,
}

impl Keeper {
    /// Restricts a record, or ends its restriction. Says how it is restricted then.
    pub(crate) async fn restrict(
        self: &Arc<Self>,
        call: &Call,
        asked: Restrict,
    ) -> Result<(Restricted, Receipt), Failure> {
        let (action, logged_as, ground) = match asked.act {
            Restricting::Restrict(ground) => (Action::Restrict, audit::Action::Restrict, Some(ground)),
            Restricting::End(ground) => (Action::Unrestrict, audit::Action::Unrestrict, ground),
        };
        let question = Question {
            action,
            logged_as,
            kind: Some(self.record_type(&asked.kind)?.name().clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: Some(asked.reason),
        };
        let (subject, act) = (asked.subject, asked.act);
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| {
                let record_type = found.kind.clone();
                let act = SetRestriction { record_type, subject: found.subject, act };
                Ok(Answering { act, subject: found.subject, filing: asked.request })
            })?;
            plan.draft.target = ground.map(|ground| ground.to_string());
            Ok(plan)
        };
        self.change(call, look).await
    }
}
