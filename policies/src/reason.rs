//! Why a field stays closed or an action is refused, as stable codes for answers and the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason for a refusal, the most decisive first: where several hold, the first is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A policy could not be evaluated; the whole question is refused.
    EvaluationError,
    /// There is no such record type.
    UnknownRecordType,
    /// There is no such purpose.
    UnknownPurpose,
    /// The record type has no such field.
    UnknownField,
    /// The action needs fields, and none is named.
    NoFields,
    /// The action concerns the whole, and fields are named.
    FieldsNotExpected,
    /// No purpose is stated.
    NoPurpose,
    /// The role may not state this purpose.
    PurposeNotForRole,
    /// No grant could open this to the role.
    NeverForRole,
    /// A special category, without the condition of GDPR article 9(2) that it needs.
    #[serde(rename = "no-article-9-condition")]
    NoArticle9Condition,
    /// A special category, and the operator is not habilitated for it and this purpose.
    NoHabilitation,
    /// Processing of the record is restricted (GDPR article 18).
    Restricted,
    /// The category is set apart in the intermediate archive.
    Archived,
    /// Nothing permits the role to do this.
    RoleNotAllowed,
    /// A grant could open it, and there is none.
    NoGrant,
    /// The grant is another role's.
    GrantForAnotherRole,
    /// The grant is for another purpose.
    GrantForAnotherPurpose,
    /// The grant has been withdrawn.
    GrantWithdrawn,
    /// The grant has expired.
    GrantExpired,
    /// The grant is not valid yet.
    GrantNotYetValid,
    /// The grant does not name the field.
    NotInGrant,
}

impl Reason {
    /// Every reason, the most decisive first.
    pub const ALL: [Self; 21] = [
        Self::EvaluationError,
        Self::UnknownRecordType,
        Self::UnknownPurpose,
        Self::UnknownField,
        Self::NoFields,
        Self::FieldsNotExpected,
        Self::NoPurpose,
        Self::PurposeNotForRole,
        Self::NeverForRole,
        Self::NoArticle9Condition,
        Self::NoHabilitation,
        Self::Restricted,
        Self::Archived,
        Self::RoleNotAllowed,
        Self::NoGrant,
        Self::GrantForAnotherRole,
        Self::GrantForAnotherPurpose,
        Self::GrantWithdrawn,
        Self::GrantExpired,
        Self::GrantNotYetValid,
        Self::NotInGrant,
    ];

    /// Those that a `forbid` policy may give in its `@reason`; the others are the code's to give.
    pub(crate) const OF_POLICIES: [Self; 7] = [
        Self::NoPurpose,
        Self::PurposeNotForRole,
        Self::NeverForRole,
        Self::NoArticle9Condition,
        Self::NoHabilitation,
        Self::Restricted,
        Self::Archived,
    ];

    /// Its stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EvaluationError => "evaluation-error",
            Self::UnknownRecordType => "unknown-record-type",
            Self::UnknownPurpose => "unknown-purpose",
            Self::UnknownField => "unknown-field",
            Self::NoFields => "no-fields",
            Self::FieldsNotExpected => "fields-not-expected",
            Self::NoPurpose => "no-purpose",
            Self::PurposeNotForRole => "purpose-not-for-role",
            Self::NeverForRole => "never-for-role",
            Self::NoArticle9Condition => "no-article-9-condition",
            Self::NoHabilitation => "no-habilitation",
            Self::Restricted => "restricted",
            Self::Archived => "archived",
            Self::RoleNotAllowed => "role-not-allowed",
            Self::NoGrant => "no-grant",
            Self::GrantForAnotherRole => "grant-for-another-role",
            Self::GrantForAnotherPurpose => "grant-for-another-purpose",
            Self::GrantWithdrawn => "grant-withdrawn",
            Self::GrantExpired => "grant-expired",
            Self::GrantNotYetValid => "grant-not-yet-valid",
            Self::NotInGrant => "not-in-grant",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
