//! Which of a record's grants a question relies on. Pure; whether the grant suffices is for the
//! policies to say.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use coffre_core::grant::{Grant, GrantState};
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;

/// The grants of a role for a purpose.
pub(super) fn of_role<'a>(grants: &'a [Grant], role: Role, purpose: &str) -> Vec<&'a Grant> {
    grants.iter().filter(|grant| grant.terms.role == role && grant.terms.purpose == purpose).collect()
}

/// The grant in force that opens most of these fields; of equals the one that lasts longest, then
/// the one with the smallest identifier, so that the choice is the same on every machine.
pub(super) fn best<'a>(grants: &[&'a Grant], fields: &BTreeSet<FieldPath>, now: Timestamp) -> Option<&'a Grant> {
    let opens = |grant: &Grant| fields.iter().filter(|field| grant.terms.fields.contains(field)).count();
    let last = |grant: &Grant| grant.terms.valid_until.map_or((true, None), |until| (false, Some(until)));
    grants
        .iter()
        .copied()
        .filter(|grant| grant.state(now) == GrantState::Valid && opens(grant) > 0)
        .max_by_key(|grant| (opens(grant), last(grant), Reverse(grant.id)))
}

/// Where no grant in force helps, the one that says best why not: one that opened most of the fields
/// and no longer does, the newest first.
pub(super) fn nearest<'a>(grants: &[&'a Grant], fields: &BTreeSet<FieldPath>, now: Timestamp) -> Option<&'a Grant> {
    let named = |grant: &Grant| fields.iter().filter(|field| grant.terms.fields.contains(field)).count();
    let rank = |grant: &Grant| match grant.state(now) {
        GrantState::Withdrawn => 3,
        GrantState::Expired => 2,
        GrantState::NotYetValid => 1,
        GrantState::Valid => 0,
    };
    grants
        .iter()
        .copied()
        .max_by_key(|grant| (named(grant).min(1), rank(grant), named(grant), grant.terms.valid_from, Reverse(grant.id)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use coffre_core::grant::{Basis, GrantTerms};
    use coffre_core::ids::{GrantId, SubjectId};

    use super::*;

    const NOW: i64 = 1_000;

    fn grant(id: u8, fields: &str, until: Option<i64>) -> Grant {
        Grant {
            id: GrantId::from_bytes([id; 16]),
            subject: SubjectId::from_bytes([1; 16]),
            terms: Arc::new(GrantTerms {
                role: Role::Sales,
                purpose: "direct-marketing".into(),
                fields: set(fields),
                basis: Basis::Consent,
                article9: None,
                valid_from: Timestamp::from_micros(0),
                valid_until: until.map(Timestamp::from_micros),
                evidence: None,
            }),
            version: 1,
            withdrawn_at: None,
        }
    }

    fn set(fields: &str) -> BTreeSet<FieldPath> {
        fields.split(' ').map(|field| field.parse().unwrap()).collect()
    }

    fn best_of(grants: &[Grant], fields: &str) -> Option<u8> {
        let refs: Vec<&Grant> = grants.iter().collect();
        best(&refs, &set(fields), Timestamp::from_micros(NOW)).map(|grant| grant.id.as_bytes()[0])
    }

    #[test]
    fn the_grant_that_opens_most_is_chosen() {
        let grants = [grant(1, "contact.email", None), grant(2, "contact.email contact.phone", Some(2_000))];
        assert_eq!(best_of(&grants, "contact.email contact.phone"), Some(2));
        assert_eq!(best_of(&grants, "contact.email"), Some(1), "it lasts longer");
        assert_eq!(best_of(&grants, "health.illnesses"), None);
    }

    #[test]
    fn equals_are_told_apart_in_any_order() {
        let mut grants = [grant(3, "contact.email", None), grant(2, "contact.email", None)];
        assert_eq!(best_of(&grants, "contact.email"), Some(2));
        grants.reverse();
        assert_eq!(best_of(&grants, "contact.email"), Some(2));
    }

    #[test]
    fn what_is_not_in_force_is_not_chosen_but_explains() {
        let mut withdrawn = grant(1, "contact.email", None);
        withdrawn.withdrawn_at = Some(Timestamp::from_micros(10));
        let grants = [withdrawn, grant(2, "contact.email", Some(NOW)), grant(3, "contact.phone", None)];
        assert_eq!(best_of(&grants, "contact.email"), None);
        let refs: Vec<&Grant> = grants.iter().collect();
        let nearest = nearest(&refs, &set("contact.email"), Timestamp::from_micros(NOW)).unwrap();
        assert_eq!(nearest.id, grants[0].id);
    }
}
