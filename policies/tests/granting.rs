//! A grant that could open nothing, or that must not be given, is refused before it is.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::grant::GrantState::{Expired, NotYetValid, Valid, Withdrawn};
use coffre_core::grant::{Basis, Grant, GrantTerms};
use coffre_core::habilitation::HabilitationTerms;
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Condition, GrantFacts, Policies, Sources};

fn terms(role: Role, purpose: &str, fields: &[&str], article9: Option<&str>) -> GrantTerms {
    GrantTerms {
        role,
        purpose: purpose.to_owned(),
        fields: fields.iter().map(|field| field.parse().unwrap()).collect(),
        basis: Basis::Consent,
        article9: article9.map(str::to_owned),
        valid_from: Timestamp::from_micros(1_000_000),
        valid_until: None,
        evidence: None,
    }
}

fn faults(terms: &GrantTerms) -> String {
    let faults = Policies::embedded().unwrap().grant_faults(&"policyholder".parse().unwrap(), terms);
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn grants_that_can_be_given() {
    for terms in [
        terms(Role::Sales, "direct-marketing", &["contact.email", "lifestyle.tobacco"], None),
        terms(Role::CustomerService, "claims-handling", &["contact.email", "health.illnesses"], Some("a")),
        terms(Role::Billing, "billing", &["contract.number", "contract.document"], None),
    ] {
        assert_eq!(faults(&terms), "");
    }
}

/// Who acts is judged when it reads.
#[test]
fn grants_can_be_given_where_policies_ask_for_verified_operators() {
    let rule = "@id(\"own\")\n@reason(\"no-habilitation\")\n@description_fr(\"fr\")\n@description_en(\"en\")\n\
                forbid (principal, action in Action::\"disclose-content\", resource) unless { context.operator.verified };";
    let policies = Policies::from_sources(&Sources::embedded().with("cedar/own.cedar", rule)).unwrap();
    let terms = terms(Role::Sales, "direct-marketing", &["contact.email"], None);
    let faults = policies.grant_faults(&"policyholder".parse().unwrap(), &terms);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn grants_that_cannot() {
    let health = ["contact.email", "health.illnesses"];
    let mut ended = terms(Role::Sales, "direct-marketing", &["contact.email"], None);
    ended.valid_until = Some(ended.valid_from);
    let refused = [
        terms(Role::Sales, "direct-marketing", &[], None),
        terms(Role::Sales, "curiosity", &["contact.email"], Some("z")),
        terms(Role::Sales, "claims-handling", &["contact.email"], None),
        terms(Role::Sales, "direct-marketing", &["contact.email", "contact.shoe_size"], None),
        terms(Role::Sales, "direct-marketing", &health, Some("a")),
        terms(Role::Billing, "contract-administration", &health, Some("a")),
        terms(Role::CustomerService, "claims-handling", &health, None),
        terms(Role::CustomerService, "claims-handling", &health, Some("j")),
        terms(Role::CustomerService, "billing", &health, Some("a")),
        terms(Role::Legal, "legal-defence", &["contact.email"], None),
        terms(Role::Dpo, "audit", &["contact.email"], None),
        ended,
    ];
    let messages = refused.iter().map(faults).collect::<Vec<_>>().join("\n\n");
    insta::assert_snapshot!(messages);
    let unknown = Policies::embedded().unwrap().grant_faults(&"supplier".parse().unwrap(), &refused[0]);
    assert_eq!(unknown.len(), 1);
}

#[test]
fn habilitations_that_can_be_given_and_that_cannot() {
    let terms = |category: &str, purposes: &[&str]| HabilitationTerms {
        operator: "a.martin".to_owned(),
        record_type: "policyholder".parse().unwrap(),
        categories: category.split_whitespace().map(|category| category.parse().unwrap()).collect(),
        purposes: purposes.iter().map(|purpose| (*purpose).to_owned()).collect(),
        valid_from: Timestamp::from_micros(1_000_000),
        valid_until: None,
    };
    let faults = |giver: &str, terms: &HabilitationTerms| {
        let faults = Policies::embedded().unwrap().habilitation_faults(giver, terms);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let good = terms("health", &["claims-handling", "underwriting"]);
    assert_eq!(faults("d.moreau", &good), "");
    let ended = HabilitationTerms { valid_until: Some(good.valid_from), ..good.clone() };
    let elsewhere = HabilitationTerms { record_type: "supplier".parse().unwrap(), ..good.clone() };
    let refused = [
        faults("a.martin", &good),
        faults("A.Martin", &good),
        faults("d.moreau", &terms("", &[])),
        faults("d.moreau", &terms("contact wealth", &["billing", "curiosity"])),
        faults("d.moreau", &ended),
        faults("d.moreau", &elsewhere),
    ];
    insta::assert_snapshot!(refused.join("\n\n"));
}

#[test]
fn facts_of_a_grant_at_a_moment() {
    let mut terms = terms(Role::CustomerService, "claims-handling", &["health.illnesses"], Some("f"));
    terms.valid_until = Some(Timestamp::from_micros(5_000_000));
    let (id, subject) = (GrantId::from_bytes([1; 16]), SubjectId::from_bytes([2; 16]));
    let mut grant = Grant { id, subject, terms: Arc::new(terms), version: 1, withdrawn_at: None };
    let state = |grant: &Grant, seconds: i64| GrantFacts::at(grant, Timestamp::from_micros(seconds * 1_000_000)).state;
    assert_eq!([0, 1, 4, 5].map(|seconds| state(&grant, seconds)), [NotYetValid, Valid, Valid, Expired]);
    let facts = GrantFacts::at(&grant, Timestamp::from_micros(1_000_000));
    assert_eq!(facts.article9, Some(Condition::F));
    assert_eq!(facts.fields, BTreeSet::from(["health.illnesses".parse().unwrap()]));
    grant.withdrawn_at = Some(Timestamp::from_micros(2_000_000));
    assert_eq!(state(&grant, 3), Withdrawn);
    Arc::make_mut(&mut grant.terms).article9 = Some("z".to_owned());
    assert_eq!(GrantFacts::at(&grant, Timestamp::from_micros(0)).article9, None);
}
