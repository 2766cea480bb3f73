//! The control socket: applications, the log as a whole, the end of the service.

use std::path::Path;

use coffre_core::tlog::{CopySource, verify_copy};
use serde_json::{Value, json};

use crate::running::{Running, anne, create, exchange, policies};

#[tokio::test]
async fn applications_are_added_listed_and_revoked() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let added = control.post("/v1/applications", &json!({"name": "crm", "role": "sales"})).await.ok();
    let token = added.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("coffre_") && token.len() == 50, "{token}");
    control.post("/v1/applications", &json!({"name": "crm", "role": "legal"})).await.problem(409, "name-taken");
    control.post("/v1/applications", &json!({"name": "C R M", "role": "legal"})).await.problem(422, "not-a-name");
    control.post("/v1/applications", &json!({"name": "x", "role": "boss"})).await.problem(400, "malformed-json");
    let listed = control.get("/v1/applications").await.ok();
    assert!(!listed.text().contains(&token), "a token is shown once");
    let [only]: [Value; 1] = listed.json()["applications"].as_array().unwrap().clone().try_into().unwrap();
    assert_eq!((&only["name"], &only["role"], &only["revoked_at"]), (&json!("crm"), &json!("sales"), &json!(null)));
    control.tell("/v1/applications/crm/revoke").await.ok();
    control.tell("/v1/applications/crm/revoke").await.problem(404, "no-such-application");
    assert!(control.get("/v1/applications").await.json()["applications"][0]["revoked_at"].is_string());

    let dpo = vault.application("dpo", "dpo").await;
    let log = dpo.get("/v1/audit/entries").await.ok().text();
    assert!(log.contains("\"operator_known\":\"local-account\""), "{log}");
    assert!(log.contains("revoke-application") && !log.contains(&token));
    let page = dpo.get("/v1/audit/entries").await.ok().json();
    let here: Vec<&Value> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|logged| &logged["entry"])
        .filter(|entry| entry["operator"].as_str().is_some_and(|operator| operator.starts_with("uid-")))
        .collect();
    assert!(here.len() >= 3 && here.iter().all(|entry| entry["policy_set"].is_string()), "{here:?}");
}

pub(crate) struct Folder<'f>(pub(crate) &'f Path);

impl CopySource for Folder<'_> {
    type Error = std::io::Error;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, std::io::Error> {
        match std::fs::read(self.0.join(path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }
}

#[tokio::test]
async fn the_log_is_verified_and_copied_for_others() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    for _ in 0..300 {
        legal.get(&format!("{record}?fields=contact.email&purpose=billing")).await.ok();
    }
    let control = vault.control("control.sock");
    let verified = control.tell("/v1/audit/verify").await.ok().json();
    assert_eq!((&verified["sound"], &verified["fault"]), (&json!(true), &json!(null)));
    assert!(verified["size"].as_u64().unwrap() > 300);

    let to = vault.folder.path().join("copy");
    let copied = control.post("/v1/audit/export", &json!({"to": to})).await.ok().json();
    let report = verify_copy(&Folder(&to), vault.store.verification_key(), Some(vault.store.origin()), None).unwrap();
    assert_eq!(copied["size"], report.head.size);
    assert_eq!(copied["files"], report.files);
    control.post("/v1/audit/export", &json!({"to": to})).await.problem(422, "unsuitable-folder");
    control.post("/v1/audit/export", &json!({"to": "copy"})).await.problem(422, "unsuitable-folder");
    let head = control.get("/v1/audit/tree-head").await.ok().text();
    assert!(head.starts_with(vault.store.origin()));
}

#[tokio::test]
async fn the_control_socket_has_no_records_and_the_api_no_control() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    vault
        .control("control.sock")
        .get(&format!("{record}?fields=contact.email&purpose=billing"))
        .await
        .problem(404, "no-such-route");
    for path in ["/v1/applications", "/v1/status"] {
        legal.get(path).await.problem(404, "no-such-route");
    }
    legal.tell("/v1/shutdown").await.problem(404, "no-such-route");
    legal.tell("/v1/base").await.problem(404, "no-such-route");
}

#[tokio::test]
async fn a_shutdown_closes_everything() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    control.tell("/v1/shutdown").await.ok();
    let (address, folder) = (vault.serving.address(), vault.folder);
    vault.serving.stopped().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(!folder.path().join("control.sock").exists());
    drop(vault.store);
    let clock = std::sync::Arc::new(coffre_store::clock::SystemClock);
    crate::running::open_vault(&folder.path().join("vault"), clock).close();
}

/// A command that finds no server says the same things to the store it opened itself.
#[tokio::test]
async fn the_same_verbs_work_without_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::running::make_vault(folder.path());
    let store = crate::running::open_vault(&path, std::sync::Arc::new(coffre_store::clock::SystemClock));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(coffre_server::serve_control(far, store.clone(), policies(), 1000));
    let request = hyper::Request::post("/v1/applications")
        .header("host", "x")
        .header("content-type", "application/json")
        .body(json!({"name": "crm", "role": "sales"}).to_string().into())
        .unwrap();
    let added = exchange(near, request).await;
    assert_eq!(added.status, 201, "{}", added.text());
    server.await.unwrap();
    let leaf = store.snapshot().unwrap().entries(added.entry(), 1).unwrap().remove(0).leaf;
    assert!(String::from_utf8_lossy(&leaf).contains("\"operator\":\"uid-1000\""));
    store.close();
}
