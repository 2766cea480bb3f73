//! Tokens that end, and tokens that are rotated.

use serde_json::{Value, json};

use crate::running::{Running, anne, create};

const DAY: i64 = 24 * 60 * 60;
const READ: &str = "?fields=contact.email&purpose=contract-administration";

async fn listed(vault: &Running, name: &str) -> Value {
    let all = vault.control("control.sock").get("/v1/applications").await.ok().json();
    let all = all["applications"].as_array().unwrap().clone();
    all.into_iter().find(|application| application["name"] == name).unwrap()
}

#[tokio::test]
async fn a_token_opens_nothing_from_its_end_on() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&legal, &anne()).await);
    let asked = json!({"name": "archive", "role": "legal", "valid_days": 30});
    let added = vault.control("control.sock").post("/v1/applications", &asked).await.ok().json();
    assert!(added["expires_at"].is_string());
    let archive = vault.caller().with_token(added["token"].as_str().unwrap()).for_operator("a.martin");
    vault.clock.pass_seconds(30 * DAY - 60);
    archive.get(&path).await.ok();
    assert_eq!(listed(&vault, "archive").await["tokens"][0]["expired"], false);
    vault.clock.pass_seconds(60);
    let size = vault.store.tree_head().size;
    let refused = archive.get(&path).await.problem(401, "unauthenticated");
    assert!(refused["detail"].as_str().unwrap().contains("has expired: ask for a new one"), "{refused}");
    assert_eq!(vault.store.tree_head().size, size, "nobody is known, so there is no entry");
    assert_eq!(listed(&vault, "archive").await["tokens"][0]["expired"], true);
    legal.get(&path).await.ok();
}

#[tokio::test]
async fn a_rotated_token_goes_on_until_the_moment_stated() {
    let vault = Running::start().await;
    let former = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&former, &anne()).await);
    let control = vault.control("control.sock");
    let asked = json!({"overlap_hours": 24, "valid_days": 365});
    let rotated = control.post("/v1/applications/cobol/rotate", &asked).await.ok();
    let new = former.clone().with_token(rotated.json()["token"].as_str().unwrap());
    former.get(&path).await.ok();
    new.get(&path).await.ok();
    let tokens = listed(&vault, "cobol").await["tokens"].clone();
    assert_eq!(tokens[0]["expires_at"], rotated.json()["former_until"]);
    assert_eq!(tokens[1]["expires_at"], rotated.json()["expires_at"]);
    assert!(!control.get("/v1/applications").await.text().contains(rotated.json()["token"].as_str().unwrap()));

    vault.clock.pass_seconds(DAY);
    former.get(&path).await.problem(401, "unauthenticated");
    new.get(&path).await.ok();
    // At the next rotation the one that has ended is forgotten; without an overlap the former ends at once.
    let last = control.post("/v1/applications/cobol/rotate", &json!({"overlap_hours": 0})).await.ok().json();
    assert_eq!(last["expires_at"], json!(null));
    new.get(&path).await.problem(401, "unauthenticated");
    former.clone().with_token(last["token"].as_str().unwrap()).get(&path).await.ok();
    assert_eq!(listed(&vault, "cobol").await["tokens"].as_array().unwrap().len(), 2);

    let dpo = vault.application("dpo", "dpo").await;
    let log = dpo.get("/v1/audit/entries").await.ok().text();
    assert!(log.contains("\"action\":\"rotate-token\"") && log.contains("former token until"), "{log}");
}

#[tokio::test]
async fn an_overlap_does_not_outlive_the_end_that_was_set() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let asked = json!({"name": "crm", "role": "sales", "valid_days": 1});
    let added = control.post("/v1/applications", &asked).await.ok().json();
    control.post("/v1/applications/crm/rotate", &json!({"overlap_hours": 720})).await.ok();
    assert_eq!(listed(&vault, "crm").await["tokens"][0]["expires_at"], added["expires_at"]);
}

#[tokio::test]
async fn a_revoked_application_has_no_token_in_force_however_many_it_had() {
    let vault = Running::start().await;
    let former = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&former, &anne()).await);
    let control = vault.control("control.sock");
    let rotated = control.post("/v1/applications/cobol/rotate", &json!({"overlap_hours": 24})).await.ok().json();
    let new = former.clone().with_token(rotated["token"].as_str().unwrap());
    control.tell("/v1/applications/cobol/revoke").await.ok();
    for caller in [former, new] {
        caller.get(&path).await.problem(401, "unauthenticated");
    }
    control
        .post("/v1/applications/cobol/rotate", &json!({"overlap_hours": 1}))
        .await
        .problem(404, "no-such-application");
}

#[tokio::test]
async fn validities_out_of_bounds_are_refused() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    vault.application("crm", "sales").await;
    let size = vault.store.tree_head().size;
    let add = |more: Value| {
        let mut asked = json!({"name": "erp", "role": "billing"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    for (path, body) in [
        ("/v1/applications", add(json!({"valid_days": 0}))),
        ("/v1/applications", add(json!({"valid_days": 3651}))),
        ("/v1/applications", add(json!({"valid_days": 1, "san_uri": "coffre:application:erp"}))),
        ("/v1/applications/crm/rotate", json!({"overlap_hours": -1})),
        ("/v1/applications/crm/rotate", json!({"overlap_hours": 721})),
        ("/v1/applications/crm/rotate", json!({"overlap_hours": 1, "valid_days": -5})),
    ] {
        control.post(path, &body).await.problem(422, "invalid-validity");
    }
    control.post("/v1/applications/crm/rotate", &json!({})).await.problem(400, "malformed-json");
    control.post("/v1/applications/crm/rotate", &json!({"overlap_hours": "1"})).await.problem(400, "malformed-json");
    control
        .post("/v1/applications/nobody/rotate", &json!({"overlap_hours": 1}))
        .await
        .problem(404, "no-such-application");
    assert_eq!(vault.store.tree_head().size, size, "what is refused as malformed changes nothing");
}
