//! Grants: given, listed, withdrawn; a withdrawal binds whatever is decided after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::running::{Caller, Running, anne, create, entry, grant};

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

    let mut next = Some(format!("from={withdrawn}"));
    let mut denied = 0;
    while let Some(place) = next {
        let page = dpo.get(&format!("/v1/audit/entries?{place}&limit=1000")).await.ok().json();
        for logged in page["entries"].as_array().unwrap() {
            let entry = &logged["entry"];
            if entry["action"] == "read" {
                assert_eq!(entry["decision"], "deny", "{entry}");
                denied += 1;
            }
        }
        next = page["next"].as_str().map(|next| format!("after={next}"));
    }
    assert!(denied > 0);
}

/// Goes through the whole log: how many consents are withdrawn, and how often an allowed entry rests on one; never after
/// its withdrawal.
async fn withdrawn_and_rested_upon(dpo: &Caller) -> (usize, usize) {
    let (mut withdrawn, mut rested, mut next) = (std::collections::BTreeSet::new(), 0, Some("from=0".to_owned()));
    while let Some(place) = next {
        let page = dpo.get(&format!("/v1/audit/entries?{place}&limit=1000")).await.ok().json();
        for logged in page["entries"].as_array().unwrap() {
            let entry = &logged["entry"];
            let grants = entry["grants"].as_array().cloned().unwrap_or_default();
            let named = grants.iter().map(|grant| grant["id"].as_str().unwrap().to_owned());
            if entry["action"] == "withdraw-grant" {
                withdrawn.extend(named);
            } else if entry["decision"] == "allow" && entry["action"] != "give-grant" {
                for grant in named {
                    rested += 1;
                    assert!(!withdrawn.contains(&grant), "{logged}");
                }
            }
        }
        next = page["next"].as_str().map(|next| format!("after={next}"));
    }
    (withdrawn.len(), rested)
}

/// Many people, readers and questions at once, and the withdrawals among them: in the log, nothing that rests on a
/// consent comes after its withdrawal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_rests_on_a_consent_after_its_withdrawal() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let mut people = Vec::new();
    for _ in 0..5 {
        let record = create(&legal, &anne()).await;
        people.push((grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await, record));
    }
    let ids: Vec<_> = people.iter().map(|(_, record)| json!({"id": record.rsplit('/').next().unwrap()})).collect();
    let question = json!({"type": "policyholder", "purpose": "direct-marketing", "channel": "email", "people": ids});
    let ended = Arc::new(AtomicBool::new(false));
    let mut busy = Vec::new();
    for (_, record) in &people {
        let (sales, ended) = (sales.clone(), Arc::clone(&ended));
        let read = format!("{record}?fields=contact.email&purpose=direct-marketing");
        busy.push(tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                let status = sales.get(&read).await.status.as_u16();
                assert!([200, 404].contains(&status), "{status}");
            }
        }));
    }
    for _ in 0..2 {
        let (sales, ended, question) = (sales.clone(), Arc::clone(&ended), question.clone());
        busy.push(tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                sales.post("/v1/contactable", &question).await.ok();
            }
        }));
    }
    for (id, _) in &people {
        let begun = vault.store.tree_head().size + 20;
        while vault.store.tree_head().size < begun {
            tokio::task::yield_now().await;
        }
        legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok();
    }
    ended.store(true, Ordering::SeqCst);
    for task in busy {
        task.await.unwrap();
    }
    let (withdrawn, rested) = withdrawn_and_rested_upon(&dpo).await;
    assert_eq!(withdrawn, 5);
    assert!(rested >= 20, "{rested}");
}

#[tokio::test]
async fn a_grantee_neither_gives_nor_widens_nor_ends_a_grant() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    for (role, purpose) in
        [("sales", "direct-marketing"), ("billing", "billing"), ("customer-service", "customer-support")]
    {
        let grantee = vault.application(role, role).await;
        let own = grant(&legal, &record, role, purpose, &["contact.email"]).await;
        let wider =
            json!({"role": role, "purpose": purpose, "fields": ["contact.email", "contact.phone"], "basis": "consent"});
        let refused = grantee.post(&format!("{record}/grants"), &wider).await.problem(403, "denied");
        assert_eq!(refused["cause"], "role-not-allowed", "{role}");
        grantee.tell(&format!("/v1/grants/{own}/withdraw")).await.problem(403, "denied");
        let changed = grantee.patch(&format!("/v1/grants/{own}"), 1, &wider).await;
        changed.problem(404, "no-such-route");
        let read = grantee.get(&format!("{record}?fields=contact.email,contact.phone&purpose={purpose}")).await.ok();
        assert_eq!(read.json()["withheld"], json!({"contact.phone": "not-in-grant"}));
    }
    let for_legal =
        json!({"role": "legal", "purpose": "underwriting", "fields": ["contact.email"], "basis": "contract"});
    legal.post(&format!("{record}/grants"), &for_legal).await.problem(422, "invalid-grant");
}

#[tokio::test]
async fn a_grant_may_name_whole_categories() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    let terms = |categories: &[&str]| {
        json!({
            "role": "sales", "purpose": "direct-marketing", "basis": "consent",
            "fields": ["lifestyle.tobacco"], "categories": categories,
        })
    };
    let given = legal.post(&format!("{record}/grants"), &terms(&["contact"])).await.ok().json();
    let fields = given["fields"].as_array().unwrap();
    assert!(fields.contains(&json!("contact.availability")) && fields.contains(&json!("lifestyle.tobacco")), "{given}");
    assert!(!fields.contains(&json!("lifestyle.alcohol")));
    let read = sales.get(&format!("{record}?fields=contact.phone,contact.email&purpose=direct-marketing")).await.ok();
    assert_eq!(read.json()["withheld"], json!({}));
    legal.post(&format!("{record}/grants"), &terms(&["wealth"])).await.problem(400, "unknown-field");
    legal.post(&format!("{record}/grants"), &terms(&["health"])).await.problem(422, "invalid-grant");
}

#[tokio::test]
async fn a_consent_has_a_receipt() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let id = grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let answer = legal.get(&format!("/v1/grants/{id}/receipt")).await.ok();
    assert_eq!(answer.header("content-type"), "application/ld+json");
    let receipt = answer.json();
    assert_eq!(receipt["dct:isPartOf"]["dpv:hasIdentifier"], id);
    assert_eq!(receipt["dct:isPartOf"]["dpv:hasConsentStatus"]["@id"], "dpv:ConsentGiven");
    let told = entry(&dpo, answer.entry()).await;
    assert_eq!((&told["action"], &told["grants"][0]["id"]), (&json!("read-receipt"), &json!(id)));

    legal.tell(&format!("/v1/grants/{id}/withdraw")).await.ok();
    let receipt = dpo.get(&format!("/v1/grants/{id}/receipt?reason=asked%20by%20letter")).await.ok().json();
    assert_eq!(receipt["dct:isPartOf"]["dpv:hasConsentStatus"]["@id"], "dpv:ConsentWithdrawn");

    let contract = json!({"role": "billing", "purpose": "billing", "fields": ["contact.email"], "basis": "contract"});
    let contract = legal.post(&format!("{record}/grants"), &contract).await.ok().json();
    let none = legal.get(&format!("/v1/grants/{}/receipt", contract["id"].as_str().unwrap())).await;
    assert!(none.problem(409, "not-a-consent")["detail"].as_str().unwrap().contains("rests on contract"));
    let unknown = "/v1/grants/00000000-0000-4000-8000-000000000000/receipt";
    legal.get(unknown).await.problem(404, "no-such-grant");
    legal.get("/v1/grants/none/receipt").await.problem(400, "malformed-request");
    for path in [format!("/v1/grants/{id}/receipt"), unknown.to_owned()] {
        sales.get(&path).await.problem(403, "denied");
    }
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
    assert!(problem["faults"][0]["field"].is_string(), "{problem}");
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
    // The last moment of all, in a zone behind UTC.
    let beyond = json!("9999-12-31T23:59:59-04:00");
    for wrong in [
        with("basis", json!("because")),
        with("unknown", json!(1)),
        with("role", json!("boss")),
        with("valid_until", beyond),
    ] {
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
