//! Not everybody of Legal sees illnesses: special categories need a habilitation of the operator, which the data
//! protection officer gives and withdraws.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry};

const HEALTH: &str = "fields=contact.email,health.illnesses&purpose=claims-handling";

fn terms(operator: &str) -> Value {
    json!({"operator": operator, "type": "policyholder", "categories": ["health"], "purposes": ["claims-handling"]})
}

/// Legal, whose record it is; the same application for an operator who is not habilitated; the DPO.
async fn staff(vault: &Running) -> (Caller, Caller, Caller) {
    let legal = vault.application("cobol", "legal").await;
    let newcomer = legal.clone().for_operator("n.dubois");
    (legal, newcomer, vault.application("dpo", "dpo").await.for_operator("d.moreau"))
}

#[tokio::test]
async fn an_operator_sees_illnesses_while_a_habilitation_names_them() {
    let vault = Running::start().await;
    let (legal, newcomer, dpo) = staff(&vault).await;
    let record = create(&legal, &anne()).await;
    let read = format!("{record}?{HEALTH}");

    let before = newcomer.get(&read).await.ok();
    assert_eq!(before.json()["withheld"], json!({"health.illnesses": "no-habilitation"}));
    assert_eq!(before.json()["fields"], json!({"contact.email": "anne.lefevre@example.fr"}));
    let alone = newcomer.get(&format!("{record}?fields=health.illnesses&purpose=claims-handling")).await;
    let problem = alone.problem(403, "denied");
    assert_eq!(problem["cause"], "no-habilitation");
    assert_eq!(problem["denied_by"], json!(["special-category-needs-habilitation"]));
    let change = format!("{record}?purpose=claims-handling");
    newcomer.patch(&change, 1, &json!({"health": null})).await.problem(403, "denied");

    let given = dpo.post("/v1/habilitations", &terms("n.dubois")).await.ok();
    let id = given.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((given.status.as_u16(), given.header("location")), (201, ""), "it is read in the list");
    let told = entry(&dpo, given.entry()).await;
    assert_eq!((&told["action"], &told["habilitations"]), (&json!("give-habilitation"), &json!([id])));
    assert_eq!(told["target"], "n.dubois (health for claims-handling)");

    let seen = newcomer.get(&read).await.ok();
    assert_eq!(seen.json()["fields"]["health.illnesses"], json!(["asthme"]));
    assert_eq!(entry(&dpo, seen.entry()).await["habilitations"], json!([id]), "the entry names what it rested on");
    let other = newcomer.get(&format!("{record}?fields=health.illnesses&purpose=underwriting")).await;
    assert_eq!(other.problem(403, "denied")["cause"], "no-habilitation", "for another purpose");

    let withdrawn = dpo.tell(&format!("/v1/habilitations/{id}/withdraw")).await.ok().json();
    assert!(withdrawn["withdrawn_at"].is_string());
    assert_eq!(newcomer.get(&read).await.ok().json()["withheld"], json!({"health.illnesses": "no-habilitation"}));
    assert_eq!(dpo.tell(&format!("/v1/habilitations/{id}/withdraw")).await.ok().json(), withdrawn);
    let listed = dpo.get("/v1/habilitations?type=policyholder&operator=n.dubois").await.ok().json();
    assert_eq!(listed["habilitations"], json!([withdrawn]));
    let all = dpo.get("/v1/habilitations?type=policyholder").await.ok().json();
    assert_eq!(all["habilitations"].as_array().unwrap().len(), 2);
    assert_eq!(dpo.get("/v1/habilitations?type=merchant").await.ok().json()["habilitations"], json!([]));
}

#[tokio::test]
async fn a_habilitation_ends_when_it_says() {
    let vault = Running::start().await;
    let (legal, newcomer, dpo) = staff(&vault).await;
    let record = create(&legal, &anne()).await;
    let mut ending = terms("n.dubois");
    ending["valid_until"] = json!(coffre_store::clock::Clock::now(&*vault.clock).plus_seconds(3_600));
    dpo.post("/v1/habilitations", &ending).await.ok();
    let read = format!("{record}?{HEALTH}");
    assert_eq!(newcomer.get(&read).await.ok().json()["withheld"], json!({}));
    vault.clock.pass_seconds(3_600);
    assert_eq!(newcomer.get(&read).await.ok().json()["withheld"], json!({"health.illnesses": "no-habilitation"}));
}

#[tokio::test]
async fn only_the_dpo_habilitates_and_nobody_themselves() {
    let vault = Running::start().await;
    let (legal, newcomer, dpo) = staff(&vault).await;
    let give = "/v1/habilitations";
    for (caller, body) in [(&legal, terms("n.dubois")), (&newcomer, terms("n.dubois"))] {
        caller.post(give, &body).await.problem(403, "denied");
    }
    legal.get("/v1/habilitations?type=policyholder").await.problem(403, "denied");
    for id in ["00000000-0000-4000-8000-000000000000", "none"] {
        let (status, name) = if id == "none" { (400, "malformed-request") } else { (403, "denied") };
        legal.tell(&format!("/v1/habilitations/{id}/withdraw")).await.problem(status, name);
    }
    let missing = dpo.tell("/v1/habilitations/00000000-0000-4000-8000-000000000000/withdraw").await;
    missing.problem(404, "no-such-habilitation");

    let faults = |problem: Value| problem["faults"][0]["fault"].as_str().unwrap().to_owned();
    let oneself = dpo.post(give, &terms("d.moreau")).await.problem(422, "invalid-habilitation");
    assert!(faults(oneself).contains("cannot habilitate themselves"));
    let with = |name: &str, value: Value| {
        let mut terms = terms("n.dubois");
        terms[name] = value;
        terms
    };
    for (wrong, said) in [
        (with("categories", json!(["contact"])), "no special category"),
        (with("categories", json!(["wealth"])), "no category"),
        (with("categories", json!([])), "names no category"),
        (with("purposes", json!([])), "names no purpose"),
        (with("purposes", json!(["curiosity"])), "no purpose"),
        (with("purposes", json!(["billing"])), "never serve"),
        (with("valid_until", json!("2001-01-01T00:00:00Z")), "ends before it begins"),
    ] {
        let told = faults(dpo.post(give, &wrong).await.problem(422, "invalid-habilitation"));
        assert!(told.contains(said), "{told}");
    }
    dpo.post(give, &with("type", json!("supplier"))).await.problem(404, "unknown-record-type");
    dpo.post(give, &with("operator", json!("Anne Martin"))).await.problem(400, "malformed-request");
    dpo.post(give, &with("colour", json!("blue"))).await.problem(400, "malformed-json");
    dpo.get("/v1/habilitations").await.problem(400, "malformed-request");
    dpo.get("/v1/habilitations?type=policyholder&operator=a%20b").await.problem(400, "malformed-request");
}

/// In the log, no read of illnesses comes after the withdrawal of the habilitation that it rested on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_illness_is_read_after_the_withdrawal() {
    let vault = Running::start().await;
    let (legal, newcomer, dpo) = staff(&vault).await;
    let record = create(&legal, &anne()).await;
    let id = dpo.post("/v1/habilitations", &terms("n.dubois")).await.ok().json()["id"].as_str().unwrap().to_owned();
    let read = format!("{record}?fields=health.illnesses&purpose=claims-handling");
    let ended = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (newcomer, read, ended) = (newcomer.clone(), read.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut allowed = Vec::new();
                loop {
                    let last = ended.load(Ordering::SeqCst);
                    let answer = newcomer.get(&read).await;
                    match answer.status.as_u16() {
                        200 => allowed.push(answer.entry()),
                        403 if last => return allowed,
                        403 => {}
                        other => panic!("{other}: {}", answer.text()),
                    }
                }
            })
        })
        .collect();
    let begun = vault.store.tree_head().size + 20;
    while vault.store.tree_head().size < begun {
        tokio::task::yield_now().await;
    }
    let withdrawn = dpo.tell(&format!("/v1/habilitations/{id}/withdraw")).await.ok().entry();
    ended.store(true, Ordering::SeqCst);
    let mut allowed: Vec<u64> = Vec::new();
    for reader in readers {
        allowed.extend(reader.await.unwrap());
    }
    assert!(!allowed.is_empty());
    assert!(allowed.iter().all(|index| *index < withdrawn), "withdrawn at {withdrawn}, allowed {allowed:?}");
}
