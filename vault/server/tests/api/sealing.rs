//! Sealing: who may, what is answered afterwards, and that nothing holds the vault open any more.

use std::time::Duration;

use coffre_store::{Identity, Layout, OpenError, OpenOptions, Store};
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::running::{Caller, Running, anne, create};

/// Waits until the vault can be opened again: only then has the sealed server let go of it, and of its keys.
async fn reopened(vault: &std::path::Path) -> Store {
    let identity = Identity::read(&Layout::new(vault).server_identity()).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        let clock = std::sync::Arc::new(coffre_store::clock::SystemClock);
        match Store::open(vault, &identity, &OpenOptions { indexes: vec![], clock, readers: 1 }) {
            Ok(store) => return store,
            Err(OpenError::Locked) => {
                assert!(tokio::time::Instant::now() < deadline, "the keys stay in memory");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn is_sealed(caller: &Caller, path: &str) {
    let answer = caller.get(path).await;
    let problem = answer.problem(503, "sealed");
    assert!(problem["detail"].as_str().unwrap().starts_with("the vault is sealed: its keys are no longer in memory"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Every route of the API but those that say that the process lives.
fn every_route(openapi: &Value) -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for (path, methods) in openapi["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in methods.as_object().unwrap().keys().filter(|_| path != "/healthz" && path != "/metrics") {
            routes.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    routes
}

async fn until_sealed(caller: &Caller) {
    while caller.get("/readyz").await.status != 503 {
        tokio::task::yield_now().await;
    }
}

fn last_entry(store: &Store) -> Value {
    let size = store.tree_head().size;
    serde_json::from_slice(&store.snapshot().unwrap().entries(size - 1, 1).unwrap()[0].leaf).unwrap()
}

#[tokio::test]
async fn two_operators_seal_and_nothing_but_that_is_answered_any_more() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let path = format!("{record}?fields=contact.email&purpose=billing");
    let routes = every_route(&legal.get("/openapi.json").await.ok().json());
    legal.tell("/v1/seal/confirm").await.problem(409, "not-proposed");
    let proposed = dpo.tell("/v1/seal?reason=an%20intrusion").await.ok();
    assert_eq!(proposed.status, 202);
    assert_eq!((&proposed.json()["status"], &proposed.json()["proposed_by"]), (&json!("proposed"), &json!("a.martin")));
    let other = legal.clone().for_operator("b.durand");
    for (alone, cause) in
        [(&legal, "not-another-operator"), (&dpo.clone().for_operator("A.Martin"), "not-another-operator")]
    {
        let problem = alone.tell("/v1/seal/confirm").await.problem(409, cause);
        let refused = crate::running::entry(&dpo, problem["audit_entry"].as_u64().unwrap()).await;
        assert_eq!((&refused["action"], &refused["decision"]), (&json!("seal"), &json!("deny")));
        assert_eq!(refused["cause"], cause);
    }
    vault.clock.pass_seconds(3601);
    other.tell("/v1/seal/confirm").await.problem(409, "not-proposed");
    vault.caller().get("/readyz").await.ok();
    dpo.tell("/v1/seal").await.ok();
    let sealed = other.tell("/v1/seal/confirm").await.ok();
    assert_eq!((sealed.status.as_u16(), sealed.json()), (202, json!({"status": "sealing"})));
    let entry = sealed.entry();
    until_sealed(&vault.caller()).await;
    assert!(routes.len() > 40, "{routes:?}");
    for (method, path) in routes {
        let answer = legal.send(method.clone(), &path, "").await;
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
        if method != Method::HEAD {
            answer.problem(503, "sealed");
        }
    }
    for (caller, path) in [
        (&legal, path.as_str()),
        (&legal, "/readyz"),
        (&legal, "/openapi.json"),
        (&dpo, "/v1/audit/entries"),
        (&vault.caller(), path.as_str()),
        (&vault.control("control.sock"), "/v1/status"),
        (&vault.control("backup.sock"), "/v1/status"),
    ] {
        is_sealed(caller, path).await;
    }
    legal.tell("/v1/seal").await.problem(503, "sealed");
    assert_eq!(vault.caller().get("/healthz").await.ok().json(), json!({"status": "alive"}));
    let metrics = vault.caller().get("/metrics").await.ok().text();
    assert!(metrics.contains("coffre_ready 0\n") && metrics.contains("coffre_sealed 1\n"), "{metrics}");

    let Running { serving, store, folder, .. } = vault;
    drop(store);
    let store = reopened(&folder.path().join("vault")).await;
    let last = last_entry(&store);
    assert_eq!(store.tree_head().size, entry + 1, "the entry is the last thing that was done");
    assert_eq!(
        (&last["action"], &last["decision"], &last["operator"]),
        (&json!("seal"), &json!("allow"), &json!("b.durand"))
    );
    assert_eq!(last["policies"], json!(["legal-and-dpo-seal"]));
    store.close();
    serving.stop().now();
    serving.stopped().await;
}

#[tokio::test]
async fn who_may_not_seal_is_refused_and_the_vault_goes_on() {
    let vault = Running::start().await;
    let sales = vault.application("crm", "sales").await;
    for (path, action) in [("/v1/seal", "propose-seal"), ("/v1/seal/confirm", "seal")] {
        let refused = sales.tell(path).await;
        refused.problem(403, "denied");
        let leaf = vault.store.snapshot().unwrap().entries(refused.entry(), 1).unwrap().remove(0).leaf;
        assert!(String::from_utf8_lossy(&leaf).contains(&format!("\"action\":\"{action}\"")));
    }
    sales.clone().without("coffre-operator").tell("/v1/seal").await.problem(400, "operator-required");
    sales.tell("/v1/seal?now=yes").await.problem(400, "malformed-request");
    sales.post("/v1/seal", &json!({"now": true})).await.problem(400, "malformed-request");
    vault.caller().tell("/v1/seal").await.problem(401, "unauthenticated");
    vault.control("backup.sock").tell("/v1/seal").await.problem(404, "no-such-route");
    vault.caller().get("/readyz").await.ok();
    assert!(vault.caller().get("/metrics").await.text().contains("coffre_sealed 0\n"));
}

/// Sealing protects: it is not kept from the vault's own user by what keeps everything from being written.
#[tokio::test]
async fn the_vaults_own_user_seals_a_vault_that_cannot_write_the_entry() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    dpo.tell("/v1/seal").await.ok();
    let size = vault.store.tree_head().size;
    let (log, elsewhere) = (vault.vault().join("audit.db"), vault.folder.path().join("elsewhere"));
    std::fs::rename(&log, &elsewhere).unwrap();
    let refused = legal.for_operator("b.durand").tell("/v1/seal/confirm").await;
    assert!(refused.status.is_server_error(), "over the API the entry comes first: {}", refused.text());
    let is_sealed = async || vault.caller().get("/metrics").await.text().contains("coffre_sealed 1\n");
    assert!(!is_sealed().await);
    let sealed = vault.control("control.sock").tell("/v1/seal").await.ok();
    assert_eq!((sealed.status.as_u16(), sealed.json()), (202, json!({"status": "sealing", "logged": false})));
    assert!(!sealed.headers.contains_key("coffre-audit-entry"));
    while !is_sealed().await {
        tokio::task::yield_now().await;
    }
    std::fs::rename(&elsewhere, &log).unwrap();
    let Running { serving, store, folder, .. } = vault;
    drop(store);
    let store = reopened(&folder.path().join("vault")).await;
    assert_eq!(store.tree_head().size, size, "no entry says it");
    store.close();
    serving.stop().now();
    serving.stopped().await;
}

#[tokio::test]
async fn the_vaults_own_user_seals_what_is_under_way_and_ends_the_process() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let mut upload = legal.connect().await;
    let head = format!(
        "POST {record}/documents?purpose=billing HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 600000\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&vec![1; 300_000]).await.unwrap();
    crate::documents::until("the upload is staged", || !crate::bad_requests::staged(&vault).is_empty()).await;
    let control = vault.control("control.sock");
    let sealed = control.tell("/v1/seal").await.ok();
    // What is under way is not waited for.
    let mut answer = Vec::new();
    let _broken_off = upload.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    until_sealed(&vault.caller()).await;
    let entry = sealed.entry();
    control.tell("/v1/shutdown").await.ok();
    let Running { serving, store, folder, .. } = vault;
    drop(store);
    serving.stopped().await;
    assert!(!folder.path().join("control.sock").exists());
    let store = reopened(&folder.path().join("vault")).await;
    let last = last_entry(&store);
    assert_eq!(store.tree_head().size, entry + 1);
    assert_eq!((&last["action"], &last["operator_known"]), (&json!("seal"), &json!("local-account")));
    store.close();
}
