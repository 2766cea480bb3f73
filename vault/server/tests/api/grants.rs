//! Grants: given, listed, withdrawn; a withdrawal binds whatever is decided after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::running::{Running, anne, create, entry, grant};

#[tokio::test]
async fn a_withdrawal_binds_the_very_next_read() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let id = grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let read = format!("{record}?fields=contact.email&purpose=direct-marketing");
    sales.get(&read).await.ok();
    let withdrawn = legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok();
    assert!(withdrawn.json()["withdrawn_at"].is_string());
    let refused = sales.get(&read).await;
    refused.problem(404, "not-found");
    assert_eq!(entry(&dpo, refused.entry()).await["cause"], "grant-withdrawn");
    assert_eq!(entry(&dpo, refused.entry()).await["grants"][0]["id"], id);

    let again = legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok();
    assert_eq!(again.json(), withdrawn.json(), "a withdrawal is not withdrawn a second time");
    let listed = dpo.get(&format!("{record}/grants")).await.ok().json();
    assert_eq!(listed["grants"], json!([withdrawn.json()]));
}

/// Readers read as fast as they can while the consent is withdrawn: in the log, no allowed read of
/// theirs comes after the withdrawal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_allowed_read_comes_after_the_withdrawal() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let id = grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let read = format!("{record}?fields=contact.email&purpose=direct-marketing");
    sales.get(&read).await.ok();
    let ended = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (sales, read, ended) = (sales.clone(), read.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut allowed = Vec::new();
                loop {
                    let last = ended.load(Ordering::SeqCst);
                    let answer = sales.get(&read).await;
                    match answer.status.as_u16() {
                        200 => allowed.push(answer.entry()),
                        404 if last => return allowed,
                        404 => {}
                        other => panic!("{other}: {}", answer.text()),
                    }
                }
            })
        })
        .collect();
    // The readers are well under way once the log has grown by some of them.
    let begun = vault.store.tree_head().size + 40;
    while vault.store.tree_head().size < begun {
        tokio::task::yield_now().await;
    }
    let withdrawn = legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok().entry();
    ended.store(true, Ordering::SeqCst);
    let mut allowed: Vec<u64> = Vec::new();
    for reader in readers {
        allowed.extend(reader.await.unwrap());
    }
    assert!(allowed.len() >= 8);
    assert!(allowed.iter().all(|index| *index < withdrawn), "withdrawn at {withdrawn}, allowed {allowed:?}");

    let mut next = Some(withdrawn);
    let mut denied = 0;
    while let Some(from) = next {
        let page = dpo.get(&format!("/v1/audit/entries?from={from}&limit=1000")).await.ok().json();
        for logged in page["entries"].as_array().unwrap() {
            let entry = &logged["entry"];
            if entry["action"] == "read" {
                assert_eq!(entry["decision"], "deny", "{entry}");
                denied += 1;
            }
        }
        next = page["next"].as_u64();
    }
    assert!(denied > 0);
}

#[tokio::test]
async fn a_grant_that_could_not_open_what_it_says_is_refused() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let give = format!("{record}/grants");
    let health =
        json!({"role": "sales", "purpose": "direct-marketing", "fields": ["health.illnesses"], "basis": "consent"});
    let problem = legal.post(&give, &health).await.problem(422, "invalid-grant");
    assert_eq!(problem["faults"].as_array().unwrap().len(), 1, "{problem}");
    let with = |name: &str, value: serde_json::Value| {
        let mut terms =
            json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent"});
        terms[name] = value;
        terms
    };
    for wrong in [
        with("purpose", json!("billing")),
        with("fields", json!([])),
        with("valid_until", json!("2001-01-01T00:00:00Z")),
    ] {
        legal.post(&give, &wrong).await.problem(422, "invalid-grant");
    }
    for wrong in [with("basis", json!("because")), with("unknown", json!(1)), with("role", json!("boss"))] {
        legal.post(&give, &wrong).await.problem(400, "malformed-json");
    }
    let evidence = json!({"document": "00000000-0000-4000-8000-000000000000", "sha256": "00"});
    legal.post(&give, &with("evidence", evidence)).await.problem(422, "no-such-evidence");
    legal.tell("/v1/grants/none/withdraw").await.problem(400, "malformed-request");
    assert_eq!(legal.get(&give).await.ok().json()["grants"], json!([]));
}

#[tokio::test]
async fn a_grant_may_be_proven_by_a_document() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let stored = legal
        .send(hyper::Method::POST, &format!("{record}/documents?purpose=contract-administration"), "signed")
        .await
        .ok()
        .json();
    let evidence = json!({"document": stored["id"], "sha256": stored["sha256"]});
    let terms = json!({
        "role": "customer-service", "purpose": "claims-handling", "fields": ["health.illnesses"], "basis": "consent",
        "article9": "a", "evidence": evidence,
    });
    let given = legal.post(&format!("{record}/grants"), &terms).await.ok();
    assert_eq!(given.json()["evidence"], evidence);
    let service = vault.application("service", "customer-service").await;
    let read = service.get(&format!("{record}?fields=health.illnesses&purpose=claims-handling")).await.ok();
    assert_eq!(read.json()["fields"]["health.illnesses"], json!(["asthme"]));
}
