//! Who asks, as far as it is known before the vault is looked at.

use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft, OperatorKnown};
use coffre_core::four_eyes::KnownOperator;
use coffre_core::ids::{ApplicationId, RequestId};
use coffre_store::{Application, RepeatKey};

use super::keeper::Keeper;
use crate::authentication::{Credential, Operator};
use crate::quotas::Place;

/// A call of an application.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) request: RequestId,
    pub(crate) credential: Credential,
    pub(crate) application: ApplicationId,
    /// Present wherever a human acts; a backup account's tree heads have none.
    pub(crate) operator: Option<Operator>,
    /// What is created by it is created once under this key.
    pub(crate) repeat_key: Option<RepeatKey>,
    /// Held for as long as the call is worked on.
    pub(crate) _place: Option<Arc<Place>>,
}

impl Call {
    /// The same caller, for what is done on their behalf when this call has been answered.
    pub(super) fn to_be_kept(&self) -> Self {
        Self { repeat_key: None, _place: None, ..self.clone() }
    }

    /// How the operator is known, where one is named.
    pub(super) fn operator_known(&self) -> Option<OperatorKnown> {
        self.operator.as_ref().map(Operator::known)
    }

    /// The operator as one of two.
    pub(super) fn known_operator(&self) -> Option<KnownOperator> {
        self.operator
            .as_ref()
            .map(|operator| KnownOperator { name: operator.as_str().to_owned(), known: operator.known() })
    }

    /// An entry that says who called and nothing yet of what.
    pub(super) fn draft(&self, application: &Application, action: Action, decision: Decision) -> Draft {
        Draft {
            application: Some(application.id),
            application_name: Some(application.name.clone()),
            role: Some(application.role),
            operator: self.operator.as_ref().map(|operator| operator.as_str().to_owned()),
            operator_known: self.operator_known(),
            ..Draft::new(action, decision, self.request)
        }
    }
}

impl Keeper {
    /// An entry that says who called on the vault's host, and by which policies the vault goes meanwhile.
    pub(super) fn draft_here(&self, call: LocalCall, action: Action) -> Draft {
        Draft { policy_set: Some(self.policy_set.clone()), ..call.draft(action) }
    }
}

/// A command on the vault's host, by the account that the operating system names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalCall {
    pub(crate) request: RequestId,
    /// The account's number.
    pub(crate) account: u32,
}

impl LocalCall {
    /// An entry that says who called; that the socket let them is the decision. See [`Keeper::draft_here`].
    pub(super) fn draft(&self, action: Action) -> Draft {
        Draft {
            operator: Some(format!("uid-{}", self.account)),
            operator_known: Some(OperatorKnown::LocalAccount),
            ..Draft::new(action, Decision::Allow, self.request)
        }
    }
}
