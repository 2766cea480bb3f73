//! The receipt of a consent is the one of `docs/formats/consent-receipt.md`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use coffre_core::grant::{Basis, Evidence, Grant, GrantTerms};
use coffre_core::ids::{DocumentId, GrantId, SubjectId};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Policies, ReceiptOf};
use serde_json::Value;

fn consent() -> Grant {
    Grant {
        id: GrantId::from_bytes([1; 16]),
        subject: SubjectId::from_bytes([2; 16]),
        terms: Arc::new(GrantTerms {
            role: Role::CustomerService,
            purpose: "claims-handling".to_owned(),
            fields: ["contact.phone", "health.illnesses"].map(|field| field.parse().unwrap()).into(),
            basis: Basis::Consent,
            article9: Some("a".to_owned()),
            valid_from: at(2_000),
            valid_until: Some(at(90_000)),
            evidence: Some(Evidence { document: DocumentId::from_bytes([3; 16]), sha256: "ab".repeat(32) }),
        }),
        version: 2,
        withdrawn_at: Some(at(60_000)),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn receipt(grant: &Grant, now: i64) -> Option<Value> {
    let kind = "policyholder".parse().unwrap();
    let of = ReceiptOf { grant, record_type: &kind, given_at: at(1_000), now: at(now) };
    Policies::embedded().unwrap().consent_receipt(&of)
}

#[test]
fn the_receipt_is_the_golden_one() {
    let made = serde_json::to_string_pretty(&receipt(&consent(), 70_000).unwrap()).unwrap();
    assert_eq!(made.trim(), include_str!("golden/consent-receipt.jsonld").trim());
}

#[test]
fn the_status_is_that_of_the_moment() {
    let status =
        |grant: &Grant, now| receipt(grant, now).unwrap()["dct:isPartOf"]["dpv:hasConsentStatus"]["@id"].clone();
    let given = Grant { withdrawn_at: None, version: 1, ..consent() };
    assert_eq!(status(&given, 3_000), "dpv:ConsentGiven");
    assert_eq!(status(&given, 90_000), "dpv:ConsentExpired");
    assert_eq!(status(&consent(), 90_000), "dpv:ConsentWithdrawn");
}

#[test]
fn a_grant_on_another_basis_has_no_receipt() {
    let mut contract = consent();
    Arc::make_mut(&mut contract.terms).basis = Basis::Contract;
    assert_eq!(receipt(&contract, 3_000), None);
}
