//! Creations that are sent again under the same key: answered again, and not done again.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::running::{Answer, Caller, Running, anne, create};

const CREATE: &str = "/v1/records/policyholder?purpose=contract-administration";
const DAY: i64 = 24 * 3600;

fn keyed(caller: &Caller, key: &str) -> Caller {
    caller.clone().with("idempotency-key", key)
}

/// Whatever an answer says, but the identifier of the call that it is of.
fn said(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let own = ["coffre-request", "idempotency-replayed", "date"];
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut headers: Vec<_> = headers.filter(|(name, _)| !own.contains(&name.as_str())).collect();
    headers.sort();
    (answer.status, headers, answer.text())
}

#[derive(Clone)]
struct Creation<'c> {
    what: &'c str,
    by: &'c Caller,
    path: String,
    body: Vec<u8>,
    media_type: &'c str,
}

impl Creation<'_> {
    async fn send(&self, key: &str) -> Answer {
        let mut caller = keyed(self.by, key);
        if !self.media_type.is_empty() {
            caller = caller.with("content-type", self.media_type);
        }
        caller.send(Method::POST, &self.path, self.body.clone()).await
    }
}

fn json_of<'c>(what: &'c str, by: &'c Caller, path: String, body: &Value) -> Creation<'c> {
    Creation { what, by, path, body: body.to_string().into_bytes(), media_type: "application/json" }
}

#[tokio::test]
async fn every_creation_is_answered_again_with_the_very_same_answer() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let id = record.rsplit('/').next().unwrap().to_owned();
    let purpose = "purpose=contract-administration";
    let documents = format!("{record}/documents?{purpose}");
    let first = legal.send(Method::POST, &documents, "one").await.ok().json()["id"].as_str().unwrap().to_owned();
    let replacing = format!("{documents}&replaces={first}");
    legal.send(Method::POST, &replacing, "two").await.ok();
    let filed = json!({"type": "policyholder", "id": id, "kind": "access", "channel": "letter"});
    let request = legal.post("/v1/requests", &filed).await.ok().json()["id"].as_str().unwrap().to_owned();
    let terms =
        json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent"});
    let given = json!({"operator": "c.petit", "type": "policyholder", "categories": ["health"], "purposes": ["claims-handling"]});
    let restore = format!("{record}/documents/{first}/versions/1/restore?{purpose}");
    let hold = format!("{record}/holds?purpose=legal-defence&reason=dispute%20of%20May");
    let plain = |what, path, body: &str, media_type| Creation { what, by: &legal, path, body: body.into(), media_type };
    let creations = [
        json_of("record", &legal, CREATE.to_owned(), &anne()),
        json_of("grant", &legal, format!("{record}/grants"), &terms),
        json_of("habilitation", &dpo, "/v1/habilitations".to_owned(), &given),
        json_of("request", &legal, "/v1/requests".to_owned(), &filed),
        json_of("question", &legal, format!("/v1/requests/{request}/ask"), &json!({"text": "which years?"})),
        plain("document", documents, "three", "application/pdf"),
        plain("version of a document", replacing, "four", "application/pdf"),
        plain("restored document", restore, "", ""),
        plain("hold", hold, "", ""),
    ];
    for creation in &creations {
        let what = &creation.what.replace(' ', "-");
        let done = creation.send(what).await.ok();
        assert!(done.headers.get("idempotency-replayed").is_none(), "{what}");
        vault.clock.pass_seconds(60);
        let (size, counted) = (vault.store.tree_head().size, vault.store.statistics().unwrap());
        let again = creation.send(what).await;
        assert_eq!(again.header("idempotency-replayed"), "true", "{what}: {}", again.text());
        assert_eq!(said(&again), said(&done), "{what}");
        assert_ne!(again.header("coffre-request"), done.header("coffre-request"), "{what}: a call of its own");
        assert_eq!(vault.store.tree_head().size, size, "{what}: nothing happened");
        assert_eq!(vault.store.statistics().unwrap(), counted, "{what}");

        if !creation.body.is_empty() {
            let other = Creation { body: [creation.body.as_slice(), b" "].concat(), ..creation.clone() };
            other.send(what).await.problem(422, "idempotency-key-reused");
            assert_eq!(vault.store.tree_head().size, size, "{what}: nothing happened");
        }
    }
}

#[tokio::test]
async fn a_key_is_of_one_request_of_one_application() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let other = vault.application("desk", "legal").await;
    let done = keyed(&legal, "\"k\"").post(CREATE, &anne()).await.ok();
    let size = vault.store.tree_head().size;
    let path = CREATE.replace("contract-administration", "claims-handling");
    let problem = keyed(&legal, "k").post(&path, &anne()).await.problem(422, "idempotency-key-reused");
    assert_eq!(
        problem["detail"],
        "this key was used for another request within the last 24 hours: use a new key for each creation"
    );
    keyed(&legal, "k").for_operator("b.durand").post(CREATE, &anne()).await.problem(422, "idempotency-key-reused");
    let again = keyed(&legal, "k").post(CREATE, &anne()).await.ok();
    assert_eq!(said(&again), said(&done), "with and without quotes it is the same key");
    assert_eq!(vault.store.tree_head().size, size);
    let elsewhere = keyed(&other, "k").post(CREATE, &anne()).await.ok();
    assert_ne!(elsewhere.header("location"), done.header("location"), "an equal key of another application");

    for wrong in ["", "two words", &"x".repeat(256)] {
        keyed(&legal, wrong).post(CREATE, &anne()).await.problem(400, "malformed-idempotency-key");
    }
    // Where nothing is created it says nothing.
    let read = format!("{}?fields=contact.email&purpose=contract-administration", done.header("location"));
    keyed(&legal, "k").get(&read).await.ok();
}

#[tokio::test]
async fn what_was_refused_is_tried_anew() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("shop", "sales").await);
    let wrong = json!({"contact": {"family_name": "Lefèvre", "birth_date": "yesterday"}});
    keyed(&legal, "k").post(CREATE, &wrong).await.problem(422, "invalid-values");
    keyed(&legal, "k").post(CREATE, &anne()).await.ok();
    for _ in 0..2 {
        let denied = keyed(&sales, "k").post(CREATE, &anne()).await;
        assert_eq!(denied.status, 403, "each with its entry: {}", denied.text());
    }
}

#[tokio::test]
async fn many_at_once_create_one() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let before = vault.store.statistics().unwrap().records;
    let send = || async {
        let caller = keyed(&legal, "k");
        loop {
            let answer = caller.post(CREATE, &anne()).await;
            if answer.status != StatusCode::CONFLICT {
                return answer.ok();
            }
            answer.problem(409, "idempotency-key-in-use");
            assert_eq!(answer.header("retry-after"), "1");
        }
    };
    let answers = futures_util::future::join_all((0..20).map(|_| send())).await;
    let first = said(&answers[0]);
    assert!(answers.iter().all(|answer| said(answer) == first));
    assert_eq!(answers.iter().filter(|answer| answer.headers.get("idempotency-replayed").is_none()).count(), 1);
    assert_eq!(vault.store.statistics().unwrap().records, before + 1);
}

/// The head of a creation under the key `k`, whose body of so many bytes does not come yet.
async fn begun(legal: &Caller, length: usize) -> TcpStream {
    let mut slow = legal.connect().await;
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a.martin\r\nidempotency-key: k\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap(),
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow
}

#[tokio::test]
async fn a_repetition_overtakes_a_slow_body() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let body = anne().to_string();
    let mut slow = begun(&legal, body.len()).await;
    // Until the server has taken the head, the other one is the first.
    let other = json!({"contact": {"birth_date": "never"}});
    loop {
        // Taken while the other one was under way, it was refused, and begins again.
        let refused = tokio::time::timeout(Duration::from_millis(1), slow.read_u8());
        if refused.await.is_ok() {
            slow = begun(&legal, body.len()).await;
        }
        let answer = keyed(&legal, "k").post(CREATE, &other).await;
        if answer.status == StatusCode::CONFLICT {
            answer.problem(409, "idempotency-key-in-use");
            break;
        }
        answer.problem(422, "invalid-values");
    }
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let again = keyed(&legal, "k").post(CREATE, &anne()).await.ok();
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_day_later_the_key_is_free() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let done = keyed(&legal, "k").post(CREATE, &anne()).await.ok();
    vault.clock.pass_seconds(DAY - 600);
    assert_eq!(keyed(&legal, "k").post(CREATE, &anne()).await.ok().header("idempotency-replayed"), "true");
    vault.clock.pass_seconds(600);
    let anew = keyed(&legal, "k").post(CREATE, &anne()).await.ok();
    assert!(anew.headers.get("idempotency-replayed").is_none());
    assert_ne!(anew.header("location"), done.header("location"));
}

#[tokio::test]
async fn whoever_was_erased_is_not_created_again_by_a_late_repetition() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let prospect = json!({"contact": {"family_name": "Moreau", "email": "moreau@example.fr"}});
    let done = keyed(&legal, "k").post(CREATE, &prospect).await.ok();
    let record = done.header("location");
    let step = "purpose=data-subject-request";
    legal.tell(&format!("{record}/erase?{step}&reason=letter%20of%20today")).await.ok();
    let other = legal.clone().for_operator("b.durand");
    other.tell(&format!("{record}/erase/confirm?{step}")).await.ok();
    let problem = keyed(&legal, "k").post(CREATE, &prospect).await.problem(410, "answer-erased");
    assert!(!problem.to_string().contains("Moreau"));
}
