//! The server's log: a session full of markers leaves none of them in it, at the finest level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use hyper::Method;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::running::{Running, create, habilitate};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Captured {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn nothing_personal_or_secret_is_logged() {
    let captured = Captured::default();
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(captured.clone()).init();
    let vault = Running::start().await;
    habilitate(&vault.store, "zqoperator").await;
    let legal = vault.application("cobol", "legal").await.for_operator("zqoperator");
    let values =
        json!({"contact": {"family_name": "Zqname", "email": "zqmail@example.fr"}, "health.illnesses": ["zqillness"]});
    let record = create(&legal, &values).await;
    let purpose = "purpose=contract-administration";
    let read = legal.get(&format!("{record}?fields=contact.email&{purpose}&reason=zqreason")).await.ok();
    legal
        .get(&format!("{record}?fields=contact.email&{purpose}&zqparameter=1"))
        .await
        .problem(400, "malformed-request");
    legal.get(&format!("{record}?fields=contact.email&purpose=zqpurpose")).await.problem(400, "unknown-purpose");
    legal.get("/v1/zqpath").await.problem(404, "no-such-route");
    legal.get("/v1/records/zqtype/zqid?fields=contact.email&purpose=billing").await.problem(400, "malformed-request");
    let search = json!({"index": "contact.family_name", "value": "Zqname", "fields": ["contact.email"], "purpose": "customer-support", "reason": "zqreason"});
    legal.post("/v1/records/policyholder/search", &search).await.ok();
    legal.post("/v1/records/policyholder/search", &json!({"zqkey": "zqvalue"})).await.problem(400, "malformed-json");
    legal
        .patch(&format!("{record}?{purpose}"), 1, &json!({"contact.email": "zqwrong"}))
        .await
        .problem(422, "invalid-values");
    let upload = legal.clone().with("content-disposition", "attachment; filename=\"zqfile.pdf\"");
    let path = upload.send(Method::POST, &format!("{record}/documents?{purpose}"), "zqcontent").await.ok();
    legal.get(&format!("{}?{purpose}", path.header("location"))).await.ok();
    let token = legal.headers["authorization"].to_str().unwrap().to_owned();
    legal.clone().with_token("coffre_zqtoken").get(&record).await.problem(401, "unauthenticated");
    legal.clone().for_operator("zq operator").get(&record).await.problem(400, "malformed-operator");
    let (request, id) = (read.header("coffre-request").to_owned(), record.rsplit('/').next().unwrap().to_owned());
    vault.stop().await;

    let log = captured.text();
    for secret in ["zq", "Zq", token.trim_start_matches("Bearer "), "AGE-SECRET-KEY"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    assert!(!log.contains(&id), "paths are logged as their patterns");
    let line = log.lines().find(|line| line.contains(&request)).unwrap();
    let fields = serde_json::from_str::<Value>(line).unwrap()["fields"].clone();
    assert_eq!(fields["route"], "/v1/records/{type}/{id}");
    assert_eq!((&fields["method"], &fields["status"], &fields["role"]), (&json!("GET"), &json!(200), &json!("legal")));
    assert!(fields["micros"].as_u64().unwrap() > 0);
}
