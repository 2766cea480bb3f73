//! From a name to pseudonymous identifiers, for whoever may open no record.

use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running, anne, create, entry};

async fn lookup(caller: &Caller, index: &str, value: &str) -> Answer {
    let asked = json!({"record_type": "policyholder", "index": index, "value": value, "purpose": "audit"});
    caller.post("/v1/subjects/lookup", &asked).await
}

#[tokio::test]
async fn the_dpo_goes_from_a_name_to_the_accesses_and_sees_no_field() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    create(&legal, &json!({"contact.family_name": "Lefebvre", "contact.email": "luc@example.fr"})).await;
    let found = lookup(&dpo, "contact.family_name", "Lefevre").await.ok();
    let answer = found.json();
    let id = record.rsplit('/').next().unwrap();
    assert_eq!((&answer["count"], &answer["more"]), (&json!(2), &json!(false)));
    assert_eq!(answer["subjects"][0], json!({"id": id, "matched": "written"}));
    assert_eq!(answer["subjects"][1]["matched"], "sound");
    assert!(!found.text().contains("anne") && !found.text().contains("luc"), "no field: {}", found.text());

    let logged = entry(&dpo, found.entry()).await;
    assert_eq!((&logged["action"], &logged["index"]), (&json!("lookup-subject"), &json!("contact.family_name")));
    assert_eq!(logged["subjects"].as_array().unwrap().len(), 2);
    assert!(!logged.to_string().to_lowercase().contains("lefevre"), "the value is not in the log: {logged}");

    let accesses = dpo.get(&format!("/v1/records/policyholder/{id}/accesses")).await.ok().json();
    let actions: Vec<&Value> =
        accesses["accesses"].as_array().unwrap().iter().map(|access| &access["action"]).collect();
    assert_eq!(actions, ["lookup-subject", "create"], "that somebody was looked for is told to them too");
    assert_eq!(lookup(&dpo, "contact.email", "luc@example.fr").await.ok().json()["count"], 1);
    assert_eq!(
        lookup(&dpo, "contact.email", "x@example.fr").await.ok().json(),
        json!({"subjects": [], "count": 0, "more": false})
    );
}

#[tokio::test]
async fn nobody_else_finds_a_person_this_way() {
    let vault = Running::start().await;
    for role in ["legal", "sales", "billing", "customer-service", "backup"] {
        let other = vault.application(role, role).await;
        let asked = json!({"record_type": "policyholder", "index": "contact.family_name", "value": "Lefevre"});
        let refused = other.post("/v1/subjects/lookup", &asked).await;
        refused.problem(403, "denied");
        assert!(!refused.text().contains("Lefevre"));
    }
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_told() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    let before = vault.store.tree_head().size;
    lookup(&dpo, "health.illnesses", "x").await.problem(400, "unknown-index");
    lookup(&dpo, "contact.family_name", " - ").await.problem(400, "empty-term");
    lookup(&dpo, "contact.family_name", &"x".repeat(201)).await.problem(400, "malformed-request");
    let body = |kind: &str, purpose: &str| json!({"record_type": kind, "index": "contact.family_name", "value": "x", "purpose": purpose});
    dpo.post("/v1/subjects/lookup", &body("patient", "audit")).await.problem(404, "unknown-record-type");
    dpo.post("/v1/subjects/lookup", &body("policyholder", "curiosity")).await.problem(400, "unknown-purpose");
    dpo.post("/v1/subjects/lookup", &json!({"value": "x"})).await.problem(400, "malformed-json");
    dpo.get("/v1/subjects/lookup").await.problem(405, "method-not-allowed");
    assert_eq!(vault.store.tree_head().size, before, "nothing was decided, so nothing was logged");
    let of_legal = dpo.post("/v1/subjects/lookup", &body("policyholder", "claims-handling")).await;
    assert_eq!(of_legal.problem(403, "denied")["cause"], "purpose-not-for-role");
}
