//! Requests that are wrong in themselves: each told what is wrong, none logged, none half done.

use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::running::{Caller, Running, anne, create};

const CREATE: &str = "/v1/records/policyholder?purpose=contract-administration";

#[tokio::test]
async fn names_that_are_not_declared() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let before = vault.store.tree_head().size;
    let unknown_type = record.replace("policyholder", "patient");
    legal
        .get(&format!("{unknown_type}?fields=contact.email&purpose=billing"))
        .await
        .problem(404, "unknown-record-type");
    let problem = legal.get(&format!("{record}?fields=contact.fax,contact.email&purpose=billing")).await;
    let detail = problem.problem(400, "unknown-field")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("no field contact.fax: its fields are contact.given_name, "), "{detail}");
    let problem = legal.get(&format!("{record}?fields=contact.email&purpose=curiosity")).await;
    let detail = problem.problem(400, "unknown-purpose")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("contract-administration"), "{detail}");
    assert!(!detail.contains("curiosity"), "a request's text is not repeated");
    let search =
        json!({"index": "contact.availability", "value": "x", "fields": ["contact.email"], "purpose": "billing"});
    legal.post("/v1/records/policyholder/search", &search).await.problem(400, "unknown-index");
    legal.post(CREATE, &json!({"contact.fax": "1"})).await.problem(400, "unknown-field");
    legal.patch(&format!("{record}?purpose=billing"), 1, &json!({"pets": null})).await.problem(400, "unknown-field");
    assert_eq!(vault.store.tree_head().size, before, "nothing was decided, so nothing was logged");
}

#[tokio::test]
async fn queries_are_read_strictly() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let problem = legal.get(&record).await.problem(400, "malformed-request");
    assert_eq!(problem["missing"], json!(["fields", "purpose"]));
    for query in [
        "fields=contact.email&purpose=billing&feilds=x",
        "fields=contact.email&purpose=billing&purpose=billing",
        "fields=email&purpose=billing",
        "fields=contact.email&purpose=billing&version=first",
        "fields=contact.email&purpose=billing&reason=",
        "fields=contact.email&purpose=billing&reason=%ff",
    ] {
        legal.get(&format!("{record}?{query}")).await.problem(400, "malformed-request");
    }
    for path in ["/v1/records/policyholder/42", "/v1/records/policyholder/0B0E9F0A-3C1D-4C3E-9D53-2F6F0A8F7C11"] {
        legal.get(&format!("{path}?fields=contact.email&purpose=billing")).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let json = legal.clone().with("content-type", "application/json");
    for body in ["", "{", "[]", "\"Dupont\"", "{\"contact\": 1}", "{\"contact.email\": 1, \"contact.email\": 2}"] {
        json.send(Method::POST, CREATE, body).await.problem(400, "malformed-json");
    }
    legal.send(Method::POST, CREATE, "{}").await.problem(415, "unsupported-media-type");
    let problem = json.send(Method::POST, CREATE, "{\"contact\": \"Dupont\"}").await;
    assert!(!problem.text().contains("Dupont"), "a value is not repeated: {}", problem.text());
    let record = create(&legal, &anne()).await;
    legal.patch(&format!("{record}?purpose=billing"), 1, &json!({})).await.problem(400, "malformed-request");
    let body = json.send(Method::POST, &format!("{record}/versions/1/restore?purpose=billing"), "{}").await;
    body.problem(428, "precondition-required");
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_the_refusal_arrives() {
    let vault = Running::start_with(|options| options.limits.document_bytes = 100_000).await;
    let legal = vault.application("cobol", "legal").await;
    let json = legal.clone().with("content-type", "application/json");
    let long = format!("{{\"contact.family_name\": \"{}\"}}", "x".repeat(2 << 20));
    let problem = json.send(Method::POST, CREATE, long).await.problem(413, "too-large");
    assert_eq!(problem["most_bytes"], 1 << 20);
    let documents = format!("{}/documents?purpose=contract-administration", create(&legal, &anne()).await);
    let announced = legal.send(Method::POST, &documents, vec![0; 3 << 20]).await;
    assert_eq!(announced.problem(413, "too-large")["most_bytes"], 100_000);

    // The same without an announced length: counted while it arrives.
    let mut stream = legal.connect().await;
    let head = format!(
        "POST {documents} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ntransfer-encoding: chunked\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..4 {
        stream.write_all(format!("8000\r\n{}\r\n", "y".repeat(0x8000)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert!(staged(&vault).is_empty());
}

#[tokio::test]
async fn whatever_refuses_a_long_body_its_refusal_arrives() {
    let vault = Running::start_with(|options| options.limits.document_bytes = 100_000).await;
    let legal = vault.application("cobol", "legal").await;
    let documents = format!("{}/documents", create(&legal, &anne()).await);
    let path = format!("{documents}?purpose=contract-administration");
    let send = async |caller: Caller, path: &str| caller.send(Method::POST, path, vec![0; 3 << 20]).await;
    send(legal.clone().without("authorization"), &path).await.problem(401, "unauthenticated");
    send(legal.clone().without("coffre-operator"), &path).await.problem(400, "operator-required");
    send(legal.clone().with("idempotency-key", "two words"), &path).await.problem(400, "malformed-idempotency-key");
    send(legal.clone(), &documents).await.problem(400, "malformed-request");
    send(legal.clone(), "/v1/nowhere").await.problem(404, "no-such-route");

    // Whoever asks before sending it is not told to send what is refused already.
    let mut stream = legal.connect().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 3000000\r\nexpect: 100-continue\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// What is left in staging.
pub(crate) fn staged(vault: &Running) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![vault.vault().join("documents")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[tokio::test]
async fn routes_and_methods() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    legal.get("/v2/records").await.problem(404, "no-such-route");
    let refused = legal.send(Method::DELETE, "/v1/audit/entries", "").await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), "GET,HEAD");
    let record = create(&legal, &anne()).await;
    let read = format!("{record}?fields=contact.email&purpose=billing");
    let head = legal.send(Method::HEAD, &read, "").await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), "\"1\"");
    let description = vault.caller().get("/openapi.json").await.ok().json();
    assert_eq!(description["openapi"], "3.1.0");
}
