//! Records are what their type says: each fault names the field and the rule, and never the value.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::record::Fields;
use coffre_policies::{Policies, RecordType};
use serde_json::{Value, json};

fn policyholder() -> RecordType {
    Policies::embedded().unwrap().record_type("policyholder").unwrap().clone()
}

fn fields(values: Value) -> Fields {
    serde_json::from_value(values).unwrap()
}

#[test]
fn a_whole_record() {
    let record = fields(json!({
        "contact.given_name": "Zoë",
        "contact.family_name": "Lefèvre-D'Arc",
        "contact.birth_date": "1984-02-29",
        "contact.email": "zoe.lefevre@exemple.fr",
        "contact.phone": "06 39 98 12 34",
        "contact.availability": "le matin,\nsauf mardi",
        "lifestyle.tobacco": false,
        "lifestyle.alcohol": true,
        "health.illnesses": ["asthme", "diabète de type 2"],
        "contract.number": "C-2024-000123",
        "contract.start_date": "2024-01-01",
        "contract.end_date": "9999-12-31",
        "contract.status": "active",
        "contract.document": "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11",
        "legacy.client_number": "000042",
    }));
    assert_eq!(policyholder().validate(&record), Ok(()));
    assert_eq!(policyholder().validate(&fields(json!({ "contact.family_name": "Le" }))), Ok(()));
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let secret = "SECRET-VALUE";
    let record = fields(json!({
        "contact.given_name": "   ",
        "contact.birth_date": "2026-02-30",
        "contact.email": format!("{secret}@"),
        "contact.phone": secret,
        "contact.availability": secret.repeat(20),
        "contact.shoe_size": secret,
        "lifestyle.tobacco": secret,
        "lifestyle.alcohol": null,
        "health.illnesses": ["asthme", 3],
        "contract.number": format!("{secret}\u{7}"),
        "contract.product": 12,
        "contract.start_date": secret,
        "contract.end_date": "0001-01-01",
        "contract.status": secret,
        "contract.document": secret,
        "legacy.client_number": { "number": secret },
    }));
    let faults = policyholder().validate(&record).unwrap_err();
    let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(!text.contains(secret) && !format!("{faults:?}").contains(secret));
    insta::assert_snapshot!(text);
}

#[test]
fn lists_have_a_limit_and_are_lists() {
    let record_type = policyholder();
    let illnesses = "health.illnesses".parse().unwrap();
    let fault = |value: Value| record_type.validate_value(&illnesses, &value).unwrap_err().to_string();
    assert_eq!(fault(json!(vec!["x"; 51])), "health.illnesses: too many: at most 50");
    assert_eq!(fault(json!("asthme")), "health.illnesses: of the wrong type: expected a list");
    assert_eq!(fault(json!(["asthme", ""])), "health.illnesses: item 2: empty: leave the field out instead");
    assert_eq!(record_type.validate_value(&illnesses, &json!([])), Ok(()));
}
