//! What a person may object to (GDPR article 21): purposes on a basis against which there is a right to object, and for
//! which nobody reads without a grant, so that the processing ends with the grants.

use std::collections::BTreeSet;

use coffre_core::grant::Basis;
use coffre_core::record::RecordTypeName;
use coffre_core::role::Role;

use crate::action::Action;
use crate::policies::Policies;
use crate::purpose::Purpose;
use crate::question::{OperatorFacts, Question};
use crate::record_type::RecordType;

/// By which something of a record is shown.
const SHOWING: [Action; 8] = [
    Action::Read,
    Action::Search,
    Action::ReadVersions,
    Action::ListDocuments,
    Action::ReadDocument,
    Action::Export,
    Action::BulkExport,
    Action::Pseudonymise,
];

impl Policies {
    /// Whether a purpose is on a basis against which there is a right to object: while an objection waits for its answer, no
    /// grant for it counts.
    pub fn may_be_objected_to(&self, purpose: &str) -> bool {
        self.purpose(purpose).is_some_and(may_be_objected_to)
    }

    /// The purposes that a person with a record of this type may object to.
    pub fn open_to_objection(&self, record_type: &RecordTypeName) -> Vec<&str> {
        let Some(declared) = self.record_type(record_type.as_str()) else { return Vec::new() };
        let open = |purpose: &&Purpose| may_be_objected_to(purpose) && self.rests_on_grants(declared, purpose);
        self.purposes().filter(open).map(|purpose| purpose.name.as_str()).collect()
    }

    /// Whether no role that may state a purpose is shown anything for it without a grant.
    fn rests_on_grants(&self, declared: &RecordType, purpose: &Purpose) -> bool {
        let categories = declared.categories().iter().map(|category| category.name.clone());
        let operator = OperatorFacts { habilitated: categories.collect(), verified: true };
        let fields: BTreeSet<_> = declared.fields().iter().map(|field| field.path.clone()).collect();
        let shows_nothing = |role: Role, action: Action| {
            let without_a_grant = Question {
                role,
                action,
                record_type: Some(declared.name().clone()),
                fields: fields.clone(),
                purpose: Some(purpose.name.clone()),
                grant: None,
                restricted: false,
                archived: BTreeSet::new(),
                operator: operator.clone(),
            };
            self.decide(&without_a_grant).opened.is_empty()
        };
        purpose.roles.iter().all(|role| SHOWING.into_iter().all(|action| shows_nothing(*role, action)))
    }
}

/// GDPR article 21(1): processing on point (e) or (f) of article 6(1); article 21(2): direct marketing, whose basis is a
/// consent or a legitimate interest.
const fn may_be_objected_to(purpose: &Purpose) -> bool {
    matches!(purpose.article6, Basis::Consent | Basis::PublicTask | Basis::LegitimateInterests)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_basis_of_a_purpose_says_whether_there_is_a_right_to_object() {
        let policies = Policies::embedded().unwrap();
        for purpose in ["direct-marketing", "legal-defence"] {
            assert!(policies.may_be_objected_to(purpose), "{purpose}");
        }
        for purpose in ["contract-administration", "data-subject-request", "curiosity"] {
            assert!(!policies.may_be_objected_to(purpose), "{purpose}");
        }
    }

    #[test]
    fn a_person_objects_to_what_rests_on_grants_alone() {
        let policies = Policies::embedded().unwrap();
        for kind in ["policyholder", "merchant"] {
            let open = policies.open_to_objection(&kind.parse().unwrap());
            assert_eq!(open, ["direct-marketing"], "of what Legal reads without a grant nothing would end");
        }
        assert!(policies.open_to_objection(&"supplier".parse().unwrap()).is_empty());
    }
}
