//! Consents, given and withdrawn.

use coffre_core::grant::{Basis, GrantTerms};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;

use crate::support::path;

/// Sales may use the e-mail address.
pub(crate) fn consent(valid_until: Option<Timestamp>) -> GrantTerms {
    GrantTerms {
        role: Role::Sales,
        purpose: "direct-marketing".to_owned(),
        fields: [path("contact.email")].into(),
        basis: Basis::Consent,
        article9: None,
        valid_from: Timestamp::from_micros(0),
        valid_until,
        evidence: None,
    }
}
