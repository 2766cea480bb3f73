//! The backup socket: a base backup on request, numbers, and nothing that could be read.

use std::num::NonZeroU64;
use std::path::Path;

use serde_json::json;

use crate::running::{Running, anne, create};

#[tokio::test]
async fn a_base_backup_is_taken_into_the_configured_spool() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    create(&legal, &anne()).await;
    let backup = vault.control("backup.sock");
    assert_eq!(backup.get("/v1/status").await.ok().json()["last_base"], json!(null));
    let first = backup.tell("/v1/base").await.ok().json();
    assert!(first["database_bytes"].as_u64().unwrap() > 0);
    assert!(vault.folder.path().join("spool").read_dir().unwrap().next().is_some());
    let second = backup.tell("/v1/base").await.ok().json();
    assert!(second["number"].as_u64() > first["number"].as_u64());
    let status = backup.get("/v1/status").await.ok();
    assert_eq!(status.json()["last_base"]["number"], second["number"]);
    assert_eq!(status.json()["trouble"], json!(null));
    assert_eq!(status.json()["environment"], "test");
    assert!(dpo.get("/v1/audit/entries").await.ok().text().contains("capture-base"));
}

#[tokio::test]
async fn what_is_committed_is_captured_by_itself() {
    let vault = Running::start_with(|options| options.spool.as_mut().unwrap().continuous = true).await;
    let legal = vault.application("cobol", "legal").await;
    let backup = vault.control("backup.sock");
    let before = backup.tell("/v1/capture").await.ok().json();
    create(&legal, &anne()).await;
    let after = backup.tell("/v1/capture").await.ok().json();
    assert_eq!((&after["base"], &after["taken"]), (&before["base"], &json!(false)), "no base for a commit");
    assert!(after["time"].as_str() > before["time"].as_str());
    let status = backup.get("/v1/status").await.ok().json();
    assert_eq!((&status["capture"]["on"], &status["capture"]["trouble"]), (&json!(true), &json!(null)));
    assert_eq!(status["capture"]["newest"], after["time"]);
    let metrics = legal.get("/metrics").await.ok().text();
    assert!(metrics.contains("coffre_capture_on 1") && metrics.contains("coffre_capture_lag_seconds"), "{metrics}");
}

#[tokio::test]
async fn it_has_only_blind_verbs() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let backup = vault.control("backup.sock");
    for path in [&format!("{record}?fields=contact.email&purpose=billing"), "/v1/applications", "/v1/audit/entries"] {
        backup.get(path).await.problem(404, "no-such-route");
    }
    backup.tell("/v1/shutdown").await.problem(404, "no-such-route");
    backup.tell("/v1/audit/export").await.problem(404, "no-such-route");
}

#[tokio::test]
async fn without_a_spool_there_is_no_base() {
    let vault = Running::start_with(|options| options.spool = None).await;
    vault.control("backup.sock").tell("/v1/base").await.problem(409, "no-spool");
}

/// How many main manifests a spool holds.
fn points(spool: &Path) -> usize {
    let below = |folder: &Path| -> Vec<_> { folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect() };
    let vaults = below(&spool.join("main"));
    let folders = vaults.iter().flat_map(|vault| below(vault)).map(|generation| generation.join("manifests"));
    folders.filter(|manifests| manifests.is_dir()).map(|manifests| below(&manifests).len()).sum()
}

#[tokio::test]
async fn nothing_is_dropped_from_the_spool_while_a_snapshot_is_made_of_it() {
    let vault = Running::start_with(|options| options.spool.as_mut().unwrap().keep = NonZeroU64::MIN).await;
    let backup = vault.control("backup.sock");
    let spool = vault.folder.path().join("spool");
    let base = async || {
        backup.tell("/v1/base").await.ok();
        points(&spool)
    };
    assert_eq!((base().await, base().await), (1, 1));
    let kept = backup.post("/v1/keep", &json!({ "everything": true })).await.ok().json();
    assert_eq!(kept, json!({ "seconds": 300 }));
    assert_eq!((base().await, base().await), (2, 3));
    let ended = backup.post("/v1/keep", &json!({ "everything": false })).await.ok().json();
    assert_eq!(ended, json!({ "seconds": 0 }));
    assert_eq!(base().await, 1);
    backup.post("/v1/keep", &json!({ "seconds": 1_000_000 })).await.problem(400, "malformed-json");
}
