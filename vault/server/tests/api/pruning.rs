//! The log's own retention: what is past it is pruned, and the rest proves itself as before.

use coffre_core::tlog::{TreeHead, verify_copy};
use serde_json::{Value, json};

use crate::control_socket::Folder;
use crate::running::{Caller, Running, anne, create};

const DAY: i64 = 24 * 3600;

/// Reads a record again and again.
async fn read(legal: &Caller, record: &str, times: u32) {
    for _ in 0..times {
        legal.get(&format!("{record}?fields=contact.email&purpose=contract-administration")).await.ok();
    }
}

async fn entries(dpo: &Caller) -> Vec<Value> {
    let answer = dpo.get("/v1/audit/entries?from=0&limit=1000").await.ok().json();
    answer["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn entries_past_their_time_are_pruned_and_the_rest_proves_itself() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    read(&legal, &record, 300).await;
    let before = dpo.get("/v1/audit/tree-head").await.ok().text();
    let known = TreeHead::open(before.as_bytes(), vault.store.verification_key(), None).unwrap();
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["pruned"], 0);

    vault.clock.pass_seconds(367 * DAY);
    read(&legal, &record, 3).await;
    let log = dpo.get("/v1/retention/plan").await.ok().json()["log"].clone();
    assert_eq!((&log["prune"], &log["minimum_index"]), (&json!(256), &json!(0)), "{log}");
    assert!(log["past"].as_u64().unwrap() > 300, "{log}");
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["pruned"], 256);

    let left = entries(&dpo).await;
    assert_eq!(left[0]["index"], 256);
    let of = |action: &str| left.iter().filter(|entry| entry["entry"]["action"] == action).collect::<Vec<_>>();
    let (carried, pruned) = (of("carry-over"), of("prune-log"));
    assert_eq!((carried.len(), pruned.len()), (1, 1));
    assert_eq!(pruned[0]["entry"]["minimum_index"], 256);
    assert_eq!((&pruned[0]["entry"]["operator"], &pruned[0]["entry"]["role"]), (&json!("a.martin"), &json!("dpo")));
    let written = &carried[0]["entry"]["carried"][0];
    assert_eq!(format!("/v1/records/policyholder/{}", written["subject"].as_str().unwrap()), record);
    assert_eq!(written["values"].as_array().unwrap().len(), 4, "a hash for each category: {written}");

    let log = |path: &str| format!("/v1/audit/log/{path}");
    let gone = dpo.get(&log("tile/entries/000")).await.problem(410, "pruned");
    assert_eq!(gone["detail"], "the entries before 256 were pruned: ask for later ones; the hashes of all are there");
    assert_eq!(dpo.get(&log("tile/0/000")).await.ok().body.len(), 8192);
    let size = dpo.get("/v1/audit/tree-head").await.ok().text().lines().nth(1).unwrap().parse::<u64>().unwrap();
    let proof = dpo.get(&format!("/v1/audit/proof/consistency?from={}&to={size}", known.size)).await.ok().json();
    assert_eq!(proof["old_root"], known.root.to_string());
    dpo.get("/v1/audit/proof/inclusion?index=5").await.ok();
    let about = dpo.get(&format!("{record}/accesses")).await.ok().json();
    assert_eq!(about["minimum_index"], 256, "it says that older ones are gone");
    assert!(about["accesses"].as_array().unwrap().iter().all(|access| access["index"].as_u64().unwrap() >= 256));
    assert_eq!(dpo.get("/v1/retention/plan").await.ok().json()["log"]["prune"], 0);
}

#[tokio::test]
async fn a_pruned_log_is_verified_exported_and_reported_on() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    read(&legal, &record, 520).await;
    let export = format!("{record}/export/access?purpose=data-subject-request&reason=letter");
    assert_eq!(legal.tell(&export).await.ok().json()["accesses_since"], Value::Null, "the log is whole");
    let host = vault.control("control.sock");
    vault.clock.pass_seconds(367 * DAY);
    assert_eq!(host.tell("/v1/retention/run").await.ok().json()["pruned"], 512);
    read(&legal, &record, 2).await;

    assert_eq!(host.tell("/v1/audit/verify").await.ok().json()["fault"], Value::Null);
    let to = vault.vault().join("../copy");
    host.post("/v1/audit/export", &json!({"to": to})).await.ok();
    assert!(!to.join("tile/entries/001").exists() && to.join("tile/entries/002.p").exists());
    let copy = verify_copy(&Folder(&to), vault.store.verification_key(), None, None).unwrap();
    assert_eq!(copy.minimum_index, 512);
    let report = dpo.get("/v1/audit/report").await.ok().json();
    assert_eq!(report["minimum_index"], 512, "what these entries said is in no figure");
    let told = legal.tell(&export).await.ok().json();
    assert_eq!(told["accesses_since"], entries(&dpo).await[0]["entry"]["time"], "nor in what the person is told");
    for (language, phrase) in [("fr", "Le journal des accès ne remonte qu'au "), ("en", "no further than ")] {
        let page = legal.tell(&format!("{export}&format=html&language={language}")).await.ok().text();
        assert!(page.contains(phrase), "{language}: {page}");
    }
    host.get("/v1/audit/proof?index=5").await.problem(410, "pruned");
    let pruning = entries(&dpo).await.into_iter().find(|entry| entry["entry"]["action"] == "prune-log").unwrap();
    assert_eq!(pruning["entry"]["operator_known"], "local-account");
}
