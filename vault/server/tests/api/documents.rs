//! Documents: in and out byte for byte, former versions, and nothing left of what did not finish.

use coffre_core::crypto::{hex, sha256};
use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bad_requests::staged;
use crate::running::{Caller, Running, anne, create, entry, grant};

const PURPOSE: &str = "purpose=contract-administration";
const CHUNK: usize = 64 * 1024;

/// Bytes that do not repeat with any chunk.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn store(legal: &Caller, record: &str, content: &[u8]) -> String {
    let stored = legal
        .clone()
        .with("content-type", "application/pdf")
        .with("content-disposition", "attachment; filename*=UTF-8''Lef%C3%A8vre.pdf")
        .send(Method::POST, &format!("{record}/documents?{PURPOSE}"), content.to_vec())
        .await
        .ok();
    assert_eq!(stored.json()["sha256"], hex(&sha256(content)));
    stored.header("location").to_owned()
}

#[tokio::test]
async fn every_size_comes_back_as_it_went_in() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 5 * CHUNK + 7, 3 << 20] {
        let sent = content(length);
        let path = store(&legal, &record, &sent).await;
        let read = legal.get(&format!("{path}?{PURPOSE}")).await.ok();
        assert_eq!(read.header("content-length"), length.to_string());
        assert!(read.body == sent, "{length} bytes");
        assert_eq!(read.header("content-type"), "application/pdf");
        assert_eq!(
            read.header("content-disposition"),
            "attachment; filename=\"Lef_vre.pdf\"; filename*=UTF-8''Lef%C3%A8vre.pdf"
        );
        assert!(read.header("repr-digest").starts_with("sha-256=:"));
    }
    let listed = legal.get(&format!("{record}/documents?{PURPOSE}")).await.ok().json();
    assert_eq!(listed["documents"].as_array().unwrap().len(), 8);
    assert_eq!(listed["documents"][0]["file_name"], "Lefèvre.pdf");
}

#[tokio::test]
async fn what_would_be_kept_as_something_else_is_refused() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let path = format!("{record}/documents?{PURPOSE}");
    let encoded = legal.clone().with("content-encoding", "gzip");
    let form = legal.clone().with("content-type", "multipart/form-data; boundary=x");
    for wrong in [&encoded, &form] {
        wrong.send(Method::POST, &path, "content").await.problem(415, "unsupported-media-type");
    }
    let refused = encoded.post("/v1/records/policyholder?purpose=contract-administration", &anne()).await;
    refused.problem(415, "unsupported-media-type");
    assert_eq!(refused.header("accept-encoding"), "identity");
    assert!(staged(&vault).is_empty());
    legal.clone().with("content-encoding", "identity").send(Method::POST, &path, "content").await.ok();
}

#[tokio::test]
async fn former_versions_are_kept_and_restored() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let path = store(&legal, &record, b"first").await;
    let id = path.rsplit('/').next().unwrap();
    let upload = format!("{record}/documents?{PURPOSE}&replaces={id}");
    let second = legal.send(Method::POST, &upload, "second").await.ok().json();
    assert_eq!((&second["id"], &second["version"]), (&json!(id), &json!(2)));
    let read = legal.get(&format!("{path}?{PURPOSE}")).await.ok();
    assert_eq!((read.text().as_str(), read.header("etag")), ("second", "\"2\""));
    let former = legal.get(&format!("{path}?{PURPOSE}&version=1")).await.ok();
    assert_eq!(former.text(), "first");
    let logged = entry(&dpo, former.entry()).await;
    assert_eq!(logged["document"], json!({"id": id, "version": 1}));
    let restored = legal.tell(&format!("{path}/versions/1/restore?{PURPOSE}")).await.ok();
    assert_eq!(restored.json()["version"], 3);
    assert_eq!(entry(&dpo, restored.entry()).await["action"], "restore-document");
    assert_eq!(legal.get(&format!("{path}?{PURPOSE}")).await.ok().text(), "first");

    legal.get(&format!("{path}?{PURPOSE}&version=9")).await.problem(404, "no-such-document");
    legal.tell(&format!("{path}/versions/9/restore?{PURPOSE}")).await.problem(404, "no-such-document");
    let other = "00000000-0000-4000-8000-000000000000";
    legal.get(&format!("{record}/documents/{other}?{PURPOSE}")).await.problem(404, "no-such-document");
    let replaces = format!("{record}/documents?{PURPOSE}&replaces={other}");
    legal.send(Method::POST, &replaces, "x").await.problem(404, "no-such-document");
    // A record's own field may name its document now.
    legal.patch(&format!("{record}?{PURPOSE}"), 1, &json!({"contract.document": id})).await.ok();
}

#[tokio::test]
async fn of_two_uploads_of_one_next_version_the_second_is_told_of_the_first() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let path = store(&legal, &record, b"first").await;
    let id = path.rsplit('/').next().unwrap();
    let upload = format!("{record}/documents?{PURPOSE}&replaces={id}");
    let head = format!(
        "POST {upload} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\nconnection: close\r\ncontent-length: 900000\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    let mut slow = legal.connect().await;
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&content(600_000)).await.unwrap();
    let under_way = || staged(&vault).iter().filter(|file| file.parent().unwrap().ends_with("staging")).count();
    until("the upload is staged", || under_way() == 1).await;
    // While it is under way, another one of the same document comes and goes.
    let quick = legal.send(Method::POST, &upload, "second").await.ok().json();
    assert_eq!((&quick["id"], &quick["version"]), (&json!(id), &json!(2)));
    slow.write_all(&content(300_000)).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 409") && answer.contains("stale-document"), "{answer}");
    assert!(answer.contains("another version of the document was stored meanwhile: send it again"), "{answer}");
    assert_eq!(legal.get(&format!("{path}?{PURPOSE}")).await.ok().text(), "second");
    assert_eq!(legal.send(Method::POST, &upload, "third").await.ok().json()["version"], 3);
    until("what was refused is gone", || under_way() == 0).await;
    assert_eq!(staged(&vault).len(), 3, "the versions that were stored, and nothing else");
}

#[tokio::test]
async fn a_grant_on_the_document_field_opens_documents() {
    let vault = Running::start().await;
    let (legal, service) =
        (vault.application("cobol", "legal").await, vault.application("service", "customer-service").await);
    let record = create(&legal, &anne()).await;
    let path = store(&legal, &record, b"contract").await;
    service.get(&format!("{path}?purpose=customer-support")).await.problem(404, "not-found");
    grant(&legal, &record, "customer-service", "customer-support", &["contact.email"]).await;
    service.get(&format!("{path}?purpose=customer-support")).await.problem(403, "denied");
    grant(&legal, &record, "customer-service", "customer-support", &["contract.document"]).await;
    assert_eq!(service.get(&format!("{path}?purpose=customer-support")).await.ok().text(), "contract");
    let upload = format!("{record}/documents?purpose=customer-support");
    service.send(Method::POST, &upload, "x").await.problem(403, "denied");
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let before = vault.store.tree_head().size;
    let mut stream = legal.connect().await;
    let head = format!(
        "POST {record}/documents?{PURPOSE} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 2000000\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&content(1_000_000)).await.unwrap();
    until("the upload is staged", || !staged(&vault).is_empty()).await;
    drop(stream);
    until("staging is empty again", || staged(&vault).is_empty()).await;
    let listed = legal.get(&format!("{record}/documents?{PURPOSE}")).await.ok();
    assert_eq!(listed.json()["documents"], json!([]));
    assert_eq!(listed.entry(), before, "the upload left no entry");
}

#[tokio::test]
async fn what_arrives_is_what_was_announced() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let upload = format!("{record}/documents?{PURPOSE}");
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"; // of nothing
    let announced = legal.clone().with("repr-digest", digest);
    announced.send(Method::POST, &upload, "something").await.problem(422, "digest-mismatch");
    assert!(staged(&vault).is_empty());
    announced.send(Method::POST, &upload, "").await.ok();
    legal
        .clone()
        .with("content-disposition", "attachment; filename=\"x")
        .send(Method::POST, &upload, "x")
        .await
        .problem(400, "malformed-request");
}

#[tokio::test]
async fn a_damaged_document_is_never_given_out() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let path = store(&legal, &record, &content(1000)).await;
    let [file] = staged(&vault).try_into().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = legal.get(&format!("{path}?{PURPOSE}")).await;
    let problem = refused.problem(500, "internal");
    assert!(problem["detail"].as_str().unwrap().contains("its log says why"));
}

/// A stream in flight ends when the consent behind it is withdrawn.
#[tokio::test]
async fn a_long_reading_breaks_off_when_its_grant_is_withdrawn() {
    let vault = Running::start().await;
    let (legal, service) =
        (vault.application("cobol", "legal").await, vault.application("service", "customer-service").await);
    let record = create(&legal, &anne()).await;
    let length = 40 << 20;
    let path = store(&legal, &record, &vec![7; length]).await;
    let id = grant(&legal, &record, "customer-service", "customer-support", &["contract.document"]).await;
    let mut stream = service.connect().await;
    let request = format!(
        "GET {path}?purpose=customer-support HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\n\r\n",
        service.headers["authorization"].to_str().unwrap()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = vec![0; 1 << 20];
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok();
    let mut rest = Vec::new();
    let _broken_off = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < length / 2, "{} bytes came after the withdrawal", rest.len());
    let metrics = vault.caller().get("/metrics").await.text();
    assert!(metrics.contains("coffre_cut_off_total 1\n"), "{metrics}");
}

/// Waits for a condition, and fails when it does not come about.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "it never happened that {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
