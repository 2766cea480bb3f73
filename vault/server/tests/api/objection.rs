//! Objections (GDPR article 21): direct marketing stops at once, and a later consent alone begins it again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry, grant};

fn id_of(record: &str) -> &str {
    record.rsplit('/').next().unwrap()
}

async fn contactable(sales: &Caller, record: &str) -> Value {
    let people = json!([{"id": id_of(record)}]);
    let body = json!({"type": "policyholder", "purpose": "direct-marketing", "channel": "email", "people": people});
    sales.post("/v1/contactable", &body).await.ok().json()["contactable"][0].clone()
}

async fn file(by: &Caller, record: &str, kind: &str) -> String {
    let body = json!({"type": "policyholder", "id": id_of(record), "kind": kind, "channel": "phone"});
    by.post("/v1/requests", &body).await.ok().header("location").to_owned()
}

fn terms(basis: &str, more: &Value) -> Value {
    let mut terms =
        json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": basis});
    for (name, value) in more.as_object().unwrap() {
        terms[name] = value.clone();
    }
    terms
}

#[tokio::test]
async fn whoever_objects_is_contacted_no_more_until_a_later_consent() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let grants = format!("{record}/grants");
    let consent = grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let interest = legal.post(&grants, &terms("legitimate-interests", &json!({}))).await.ok().json()["id"].clone();
    grant(&legal, &record, "customer-service", "customer-support", &["contact.phone"]).await;
    assert_eq!(contactable(&sales, &record).await, true);

    // Nobody is contacted while the objection waits, whoever asks and whether or not they were identified.
    let request = file(&sales, &record, "objection").await;
    assert_eq!(contactable(&sales, &record).await, false);

    let object = format!("{record}/object?against=direct-marketing&request={}", id_of(&request));
    legal.tell(&object).await.problem(409, "not-identified");
    legal.post(&format!("{request}/identify"), &json!({"identity": "known-contact"})).await.ok();
    let done = legal.tell(&object).await.ok();
    assert_eq!(done.json()["objected_to"], "direct-marketing");
    let withdrawn: BTreeSet<String> =
        done.json()["withdrawn"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert_eq!(withdrawn, BTreeSet::from([consent, interest.as_str().unwrap().to_owned()]), "of that purpose alone");
    let mut actions = Vec::new();
    for index in done.entry()..done.entry() + 4 {
        actions.push(entry(&dpo, index).await["action"].clone());
    }
    assert_eq!(actions, ["object", "withdraw-grant", "withdraw-grant", "fulfil-request"]);
    let logged = entry(&dpo, done.entry()).await;
    assert_eq!((&logged["target"], &logged["subjects"]), (&json!("direct-marketing"), &json!([id_of(&record)])));
    assert_eq!(logged["grants"].as_array().unwrap().len(), 2);
    assert_eq!(legal.get(&request).await.ok().json()["state"], "fulfilled");
    assert_eq!(contactable(&sales, &record).await, false);
    sales.get(&format!("{record}?fields=contact.email&purpose=direct-marketing")).await.problem(404, "not-found");

    // What was granted before, or on another basis, opens nothing again.
    let before = json!({"valid_from": "2020-01-01T00:00:00Z"});
    for refused in [terms("legitimate-interests", &json!({})), terms("consent", &before)] {
        let problem = legal.post(&grants, &refused).await.problem(422, "invalid-grant");
        assert_eq!(problem["faults"][0]["field"], "basis");
    }
    assert_eq!(contactable(&sales, &record).await, false);
    let listed = legal.get(&grants).await.ok().json();
    assert_eq!(listed["objections"].as_array().unwrap().len(), 1);
    assert_eq!(listed["objections"][0]["purpose"], "direct-marketing");
    legal.post(&grants, &terms("consent", &json!({}))).await.ok();
    assert_eq!(contactable(&sales, &record).await, true, "the person has changed their mind");
    let again = legal.tell(&format!("{record}/object?against=direct-marketing&reason=called")).await.ok();
    assert_eq!(again.json()["withdrawn"].as_array().unwrap().len(), 1);
    assert_eq!(contactable(&sales, &record).await, false);
}

#[tokio::test]
async fn an_objection_that_is_taken_back_or_refused_stands_in_nobodys_way() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let request = file(&legal, &record, "objection").await;
    sales.tell(&format!("{request}/withdraw")).await.problem(404, "not-found");
    legal.tell(&format!("{request}/withdraw")).await.ok();
    assert_eq!(contactable(&sales, &record).await, true);

    // Whom it keeps from the person does not end it.
    let request = file(&sales, &record, "objection").await;
    sales.tell(&format!("{request}/withdraw")).await.problem(403, "denied");
    assert_eq!(contactable(&sales, &record).await, false);
    sales.post(&format!("{request}/reply"), &json!({"text": "the person has changed their mind"})).await.ok();
    legal.post(&format!("{request}/ask"), &json!({"text": "to what?"})).await.ok();
    assert_eq!(contactable(&sales, &record).await, false, "it waits still");
    legal.post(&format!("{request}/refuse"), &json!({"text": "asked by somebody else"})).await.ok();
    assert_eq!(contactable(&sales, &record).await, true);
}

#[tokio::test]
async fn nothing_is_shown_for_the_purpose_while_an_objection_waits() {
    let vault = Running::start().await;
    let (legal, sales, desk) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("desk", "customer-service").await,
    );
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    grant(&legal, &record, "customer-service", "customer-support", &["contact.email"]).await;
    let offer = format!("{record}?fields=contact.email&purpose=direct-marketing");
    let support = format!("{record}?fields=contact.email&purpose=customer-support");
    let search = json!({"index": "contact.email", "value": "anne.lefevre@example.fr", "fields": ["contact.email"],
        "purpose": "direct-marketing"});
    let hits = async || {
        let found = sales.post("/v1/records/policyholder/search", &search).await.ok().json();
        found["hits"].as_array().unwrap().len()
    };
    for _ in 0..2 {
        sales.get(&offer).await.ok();
    }
    assert_eq!(hits().await, 1);

    let request = file(&desk, &record, "objection").await;
    sales.get(&offer).await.problem(404, "not-found");
    assert_eq!(hits().await, 0);
    desk.get(&support).await.ok();
    let defence = format!("{record}?fields=contact.email&purpose=legal-defence");
    legal.get(&defence).await.ok();

    legal.post(&format!("{request}/refuse"), &json!({"text": "asked by somebody else"})).await.ok();
    let again = sales.get(&offer).await.ok().json();
    assert_eq!(again["fields"]["contact.email"], "anne.lefevre@example.fr");
    assert_eq!(hits().await, 1);
}

#[tokio::test]
async fn there_is_no_objecting_to_what_does_not_end_with_the_grants() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let support = grant(&legal, &record, "customer-service", "customer-support", &["contact.phone"]).await;
    let against = |purpose: &str| format!("{record}/object?against={purpose}");
    for purpose in ["customer-support", "contract-administration", "legal-defence", "test-data"] {
        let problem = legal.tell(&against(purpose)).await.problem(422, "no-right-to-object");
        assert!(problem["detail"].as_str().unwrap().contains("direct-marketing"), "what there is: {problem}");
    }
    let listed = legal.get(&format!("{record}/grants")).await.ok().json();
    assert_eq!((&listed["grants"][0]["id"], &listed["grants"][0].get("withdrawn_at")), (&json!(support), &None));
    assert_eq!(listed["objections"], json!([]));
    legal.tell(&against("curiosity")).await.problem(400, "unknown-purpose");
    legal.tell(&format!("{record}/object?reason=x")).await.problem(400, "malformed-request");
    for other in [&sales, &dpo] {
        other.tell(&against("direct-marketing")).await.problem(403, "denied");
    }
    let nobody = "/v1/records/policyholder/00000000-0000-4000-8000-000000000000/object?against=direct-marketing";
    legal.tell(nobody).await.problem(404, "not-found");
    let access = file(&legal, &record, "access").await;
    legal
        .tell(&format!("{}&request={}", against("direct-marketing"), id_of(&access)))
        .await
        .problem(409, "another-matter");
    assert_eq!(legal.get(&format!("{record}/grants")).await.ok().json()["objections"], json!([]), "nothing by halves");
}

#[tokio::test]
async fn the_person_is_told_what_they_objected_to() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    legal.tell(&format!("{record}/object?against=direct-marketing")).await.ok();
    let export = format!("{record}/export/access?purpose=data-subject-request&reason=letter");
    let told = legal.tell(&export).await.ok().json();
    assert_eq!(told["objections"][0]["purpose"], "direct-marketing");
    assert!(told["objections"][0]["at"].is_string());
    for (language, said) in [
        ("fr", "Vous avez exercé votre droit d'opposition : prospection commerciale, le "),
        ("en", "You have exercised your right to object: direct marketing, on "),
    ] {
        let page = legal.tell(&format!("{export}&format=html&language={language}")).await.ok().text();
        assert!(page.contains(said), "{page}");
        assert!(!page.contains("direct-marketing"), "{page}");
    }
}
