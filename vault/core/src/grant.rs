//! Grants: what opens named fields of a data subject to a role for a purpose, and on which basis.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{DocumentId, GrantId, SubjectId};
use crate::record::FieldPath;
use crate::role::Role;
use crate::time::Timestamp;

/// Text that names no legal basis.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a legal basis of GDPR article 6: use one of {}", names())]
pub struct BasisError;

fn names() -> String {
    Basis::ALL.map(Basis::as_str).join(", ")
}

/// The legal basis of a processing (GDPR article 6(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// 6(1)(a); the only one that can be withdrawn.
    Consent,
    /// 6(1)(b).
    Contract,
    /// 6(1)(c).
    LegalObligation,
    /// 6(1)(d).
    VitalInterests,
    /// 6(1)(e).
    PublicTask,
    /// 6(1)(f).
    LegitimateInterests,
}

impl Basis {
    /// Every basis, in the article's order.
    pub const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalObligation,
        Self::VitalInterests,
        Self::PublicTask,
        Self::LegitimateInterests,
    ];

    /// The basis's name in grants and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
            Self::LegalObligation => "legal-obligation",
            Self::VitalInterests => "vital-interests",
            Self::PublicTask => "public-task",
            Self::LegitimateInterests => "legitimate-interests",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Basis {
    type Err = BasisError;

    fn from_str(text: &str) -> Result<Self, BasisError> {
        Self::ALL.into_iter().find(|basis| basis.as_str() == text).ok_or(BasisError)
    }
}

/// Whether a grant opens anything at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantState {
    /// In force.
    Valid,
    /// Its validity begins later.
    NotYetValid,
    /// Its validity has ended.
    Expired,
    /// Taken back by the data subject.
    Withdrawn,
}

/// What proves that a grant was given: a stored document, bound by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The document.
    pub document: DocumentId,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// What a grant says, as it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantTerms {
    /// To whom it opens.
    pub role: Role,
    /// For what.
    pub purpose: String,
    /// Which fields.
    pub fields: BTreeSet<FieldPath>,
    /// On which basis of GDPR article 6.
    pub basis: Basis,
    /// For health, under which condition of GDPR article 9(2): `a` to `j`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article9: Option<String>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when (not included); without an end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// What proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its identifier.
    pub id: GrantId,
    /// Whose record it opens.
    pub subject: SubjectId,
    /// What it says; shared by grants that say the same.
    #[serde(flatten, with = "shared_terms")]
    pub terms: Arc<GrantTerms>,
    /// 1 when given, raised by every change.
    pub version: u32,
    /// When it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

mod shared_terms {
    use super::{Arc, Deserialize, GrantTerms, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(terms: &GrantTerms, serializer: S) -> Result<S::Ok, S::Error> {
        terms.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<GrantTerms>, D::Error> {
        GrantTerms::deserialize(deserializer).map(Arc::new)
    }
}

impl Grant {
    /// Its state at a moment. A withdrawal binds whatever the validity says.
    pub fn state(&self, now: Timestamp) -> GrantState {
        if self.withdrawn_at.is_some() {
            GrantState::Withdrawn
        } else if now < self.terms.valid_from {
            GrantState::NotYetValid
        } else if self.terms.valid_until.is_some_and(|until| now >= until) {
            GrantState::Expired
        } else {
            GrantState::Valid
        }
    }
}
