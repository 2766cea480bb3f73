//! Habilitations: which operators may handle which special categories, for which purposes. A role is
//! too coarse for health; who grants a habilitation is for the policies to say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::grant::GrantState;
use crate::ids::HabilitationId;
use crate::record::{Category, RecordTypeName};
use crate::time::Timestamp;

/// What a habilitation says, as it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HabilitationTerms {
    /// The operator, as applications name them.
    pub operator: String,
    /// In records of which type.
    #[serde(rename = "type")]
    pub record_type: RecordTypeName,
    /// Which special categories.
    pub categories: BTreeSet<Category>,
    /// For which purposes.
    pub purposes: BTreeSet<String>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when (not included); without an end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// A habilitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habilitation {
    /// Its identifier.
    pub id: HabilitationId,
    /// What it says.
    #[serde(flatten)]
    pub terms: HabilitationTerms,
    /// When it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

impl Habilitation {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn it_is_in_force_between_its_ends_unless_withdrawn() {
        let at = Timestamp::from_micros;
        let terms = HabilitationTerms {
            operator: "a.martin".to_owned(),
            record_type: "policyholder".parse().unwrap(),
            categories: BTreeSet::from(["health".parse().unwrap()]),
            purposes: BTreeSet::from(["claims-handling".to_owned()]),
            valid_from: at(10),
            valid_until: Some(at(20)),
        };
        let mut given = Habilitation { id: HabilitationId::from_bytes([1; 16]), terms, withdrawn_at: None };
        let states = [9, 10, 19, 20].map(|now| given.state(at(now)));
        assert_eq!(states, [GrantState::NotYetValid, GrantState::Valid, GrantState::Valid, GrantState::Expired]);
        given.withdrawn_at = Some(at(15));
        assert_eq!(given.state(at(12)), GrantState::Withdrawn);
    }
}
