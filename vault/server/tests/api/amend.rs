//! Changing records: merge patches, versions, lost updates refused.

use hyper::Method;
use serde_json::json;

use crate::running::{Running, anne, create};

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let change = format!("{record}?purpose=contract-administration");
    let patched = legal
        .patch(&change, 1, &json!({"contact": {"email": "anne@example.org", "phone": null}, "lifestyle.alcohol": true}))
        .await
        .ok();
    assert_eq!(patched.header("etag"), "\"2\"");
    let fields = "contact.email,contact.phone,contact.given_name,lifestyle.tobacco,lifestyle.alcohol";
    let read = legal.get(&format!("{record}?fields={fields}&purpose=contract-administration")).await.ok().json();
    assert_eq!(
        read["fields"],
        json!({"contact.email": "anne@example.org", "contact.given_name": "Anne", "lifestyle.tobacco": false, "lifestyle.alcohol": true})
    );
    legal.patch(&change, 2, &json!({"health": null})).await.ok();
    let read =
        legal.get(&format!("{record}?fields=health.illnesses&purpose=contract-administration")).await.ok().json();
    assert_eq!(read["fields"], json!({}));
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_made_against() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let change = format!("{record}?purpose=contract-administration");
    let json = legal.clone().with("content-type", "application/json");
    let body = json!({"contact.email": "a@example.fr"});
    json.send(Method::PATCH, &change, body.to_string()).await.problem(428, "precondition-required");
    let any = json.clone().with("if-match", "*").send(Method::PATCH, &change, body.to_string()).await;
    any.problem(428, "precondition-required");
    let weak = json.clone().with("if-match", "W/\"1\"").send(Method::PATCH, &change, body.to_string()).await;
    weak.problem(412, "stale");
    legal.patch(&change, 1, &body).await.ok();
    let stale = legal.patch(&change, 1, &json!({"contact.email": "b@example.fr"})).await.problem(412, "stale");
    assert_eq!(stale["current_version"], 2);
    let read = legal.get(&format!("{record}?fields=contact.email&purpose=contract-administration")).await.ok().json();
    assert_eq!(read["fields"]["contact.email"], "a@example.fr", "the stale change left nothing");
}

#[tokio::test]
async fn one_of_two_changes_against_the_same_version_wins() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let change = format!("{}?purpose=contract-administration", create(&legal, &anne()).await);
    let attempt = |email: &str| {
        let (legal, change, body) = (legal.clone(), change.clone(), json!({"contact.email": email}));
        async move { legal.patch(&change, 1, &body).await.status.as_u16() }
    };
    let mut outcomes: Vec<u16> =
        futures_util::future::join_all((0..8).map(|n| attempt(&format!("a{n}@example.fr")))).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn values_that_the_record_type_does_not_allow() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let change = format!("{}?purpose=contract-administration", create(&legal, &anne()).await);
    let wrong = json!({
        "contact.email": "not an address", "contact.birth_date": "2026-02-30", "contact.family_name": null,
        "lifestyle.tobacco": "O", "contract.document": "00000000-0000-4000-8000-000000000000",
    });
    let refused = legal.patch(&change, 1, &wrong).await;
    let problem = refused.problem(422, "invalid-values");
    let fields: Vec<&str> =
        problem["faults"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        ["contact.birth_date", "contact.email", "contact.family_name", "contract.document", "lifestyle.tobacco"]
    );
    assert!(!refused.text().contains("not an address"), "values are not repeated");
    // Somebody new has no documents: this one would be somebody else's, or nobody's.
    let mut somebody = anne();
    somebody["contract.document"] = json!("00000000-0000-4000-8000-000000000000");
    for refused in [json!({}), somebody] {
        legal
            .post("/v1/records/policyholder?purpose=contract-administration", &refused)
            .await
            .problem(422, "invalid-values");
    }
    let cleared = json!({"contact": null, "contact.given_name": "Anne"});
    legal.patch(&change, 1, &cleared).await.problem(422, "invalid-values");
}
