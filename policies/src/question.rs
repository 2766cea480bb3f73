//! The question that a decision answers: facts of low cardinality only (no time, no identifier), so
//! that equal questions have equal answers for as long as the policy set is the same.

use std::collections::BTreeSet;

use coffre_core::grant::{Basis, Grant, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::purpose::Condition;

/// May this role do this?
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Question {
    /// The role of the application that asks.
    pub role: Role,
    /// What it wants to do.
    pub action: Action,
    /// With which type of record; none for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordTypeName>,
    /// With which fields. Actions on a record as a whole or on the log name none; those on
    /// documents name document fields, or none for all of them.
    #[serde(default)]
    pub fields: BTreeSet<FieldPath>,
    /// The purpose that it states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The grant that it relies on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantFacts>,
    /// Whether processing of the data subject's record is restricted (GDPR article 18).
    #[serde(default)]
    pub restricted: bool,
    /// The categories of the record that are set apart in the intermediate archive.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub archived: BTreeSet<Category>,
    /// What is known of the operator whom the application acts for.
    #[serde(default, skip_serializing_if = "OperatorFacts::say_nothing")]
    pub operator: OperatorFacts,
}

/// What a decision needs to know of the operator: never who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperatorFacts {
    /// The categories of the record type for which a habilitation in force names this operator and
    /// the purpose stated.
    #[serde(default)]
    pub habilitated: BTreeSet<Category>,
    /// Whether somebody else than the application vouches for who the operator is.
    #[serde(default)]
    pub verified: bool,
}

impl OperatorFacts {
    /// Those of an operator habilitated for these categories.
    pub fn habilitated(categories: impl IntoIterator<Item = Category>) -> Self {
        Self { habilitated: categories.into_iter().collect(), verified: false }
    }

    fn say_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a decision needs to know of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GrantFacts {
    /// To whom it opens.
    pub role: Role,
    /// For what.
    pub purpose: String,
    /// Which fields.
    pub fields: BTreeSet<FieldPath>,
    /// On which basis of GDPR article 6.
    pub basis: Basis,
    /// Under which condition of GDPR article 9(2).
    #[serde(default, rename = "article-9", skip_serializing_if = "Option::is_none")]
    pub article9: Option<Condition>,
    /// Whether it is in force.
    pub state: GrantState,
}

impl GrantFacts {
    /// The facts of a grant at a moment. A condition of article 9 that does not exist is none.
    pub fn at(grant: &Grant, now: Timestamp) -> Self {
        Self {
            role: grant.terms.role,
            purpose: grant.terms.purpose.clone(),
            fields: grant.terms.fields.clone(),
            basis: grant.terms.basis,
            article9: grant.terms.article9.as_deref().and_then(|letter| letter.parse().ok()),
            state: grant.state(now),
        }
    }
}
