//! The log over HTTP: its entries, who has seen a person, its signed head.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_core::tlog::TreeHead;
use serde_json::json;

use crate::running::{Running, anne, create, entry, grant};

#[tokio::test]
async fn who_has_seen_this_person() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await.for_operator("b.petit"),
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let other = create(&legal, &json!({"contact.family_name": "Autre"})).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    sales.get(&format!("{record}?fields=contact.email&purpose=direct-marketing&reason=campaign%20A")).await.ok();
    sales.get(&format!("{record}?fields=health.illnesses&purpose=direct-marketing")).await.problem(403, "denied");
    sales.get(&format!("{other}?fields=contact.email&purpose=direct-marketing")).await.problem(404, "not-found");

    let seen = dpo.get(&format!("{record}/accesses")).await.ok().json();
    let actions: Vec<&str> =
        seen["accesses"].as_array().unwrap().iter().map(|access| access["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["read", "read", "give-grant", "create"], "newest first, and of this person only");
    let (refused, read) = (&seen["accesses"][0], &seen["accesses"][1]);
    assert_eq!(refused["decision"], "deny");
    assert_eq!(refused["cause"], "never-for-role");
    assert_eq!(read["application"], "crm");
    assert_eq!(read["operator"], "b.petit");
    assert_eq!(read["purpose"], "direct-marketing");
    assert_eq!(read["reason"], "campaign A");
    assert_eq!(read["fields"], json!(["contact.email"]));
    assert_eq!(seen["next"], json!(null));

    let page = dpo.get(&format!("{record}/accesses?limit=2")).await.ok().json();
    // The question itself is an access of the person's, so it comes first now.
    assert_eq!(page["accesses"][0]["action"], "read-accesses");
    let older =
        dpo.get(&format!("{record}/accesses?limit=2&after={}", page["next"].as_str().unwrap())).await.ok().json();
    assert_eq!(older["accesses"][0], seen["accesses"][1]);
}

#[tokio::test]
async fn entries_come_page_by_page_and_lead_to_the_signed_head() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let head = dpo.get("/v1/audit/tree-head").await.ok();
    assert_eq!(head.header("content-type"), "text/plain; charset=utf-8");
    let signed = TreeHead::open(&head.body, vault.store.verification_key(), Some(vault.store.origin())).unwrap();

    let (mut tree, mut place) = (coffre_core::merkle::Frontier::new(), "from=0".to_owned());
    while tree.size() < signed.size {
        let page = dpo.get(&format!("/v1/audit/entries?{place}&limit=2")).await.ok();
        // The leaf's bytes as they stand in the answer, not as a JSON library would write them.
        for leaf in page.text().split("\"entry\":").skip(1) {
            let mut depth = 0;
            let end = leaf
                .char_indices()
                .find(|(_, c)| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth == 0
                })
                .unwrap()
                .0;
            if tree.size() < signed.size {
                tree.append(coffre_core::merkle::leaf_hash(&leaf.as_bytes()[..=end]));
            }
        }
        place = format!("after={}", page.json()["next"].as_str().unwrap_or_default());
    }
    assert_eq!(tree.root(), signed.root);
    let beyond = dpo.get("/v1/audit/entries?from=1000000").await.ok().json();
    assert_eq!(beyond, json!({"entries": [], "next": null}));
    // A number that the database has no place for is one beyond the log's end, too, and the question is logged.
    for index in [1 << 63, u64::MAX] {
        let cursor = |list: &str| URL_SAFE_NO_PAD.encode(format!("{list}:{index}"));
        for place in [format!("from={index}"), format!("after={}", cursor("entries"))] {
            let answer = dpo.get(&format!("/v1/audit/entries?{place}")).await.ok();
            assert_eq!(answer.json(), json!({"entries": [], "next": null}), "{place}");
            assert_eq!(entry(&dpo, answer.entry()).await["action"], "read-audit");
        }
        let accesses = dpo.get(&format!("{record}/accesses?after={}", cursor("accesses"))).await.ok().json();
        assert_eq!(accesses["next"], json!(null));
        for proof in [format!("proof/inclusion?index={index}"), format!("proof/consistency?from=1&to={index}")] {
            let refused = dpo.get(&format!("/v1/audit/{proof}")).await;
            assert!(refused.status.is_client_error(), "{proof}: {}", refused.text());
        }
        let refused = dpo.get(&format!("/v1/audit/entries/{index}/tlog-proof")).await;
        assert!(refused.status.is_client_error(), "{}", refused.text());
    }
    // A place is one of this list, and opaque.
    let page = dpo.get("/v1/audit/entries?from=1&limit=1").await.ok().json();
    let next = page["next"].as_str().unwrap();
    let on = dpo.get(&format!("/v1/audit/entries?after={next}&limit=1")).await.ok().json();
    assert_eq!(on["entries"][0]["index"], 2);
    for wrong in ["after=2".to_owned(), format!("from=0&after={next}"), format!("after={next}x")] {
        dpo.get(&format!("/v1/audit/entries?{wrong}")).await.problem(400, "malformed-request");
    }
    let accesses = format!("/v1/records/policyholder/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11/accesses?after={next}");
    dpo.get(&accesses).await.problem(400, "malformed-request");
}

/// When an answer is there, its entry is: also for somebody who opens the files after a sudden end.
#[tokio::test]
async fn an_answered_read_is_in_the_log_of_a_vault_opened_anew() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let read = legal.get(&format!("{record}?fields=contact.email&purpose=billing")).await.ok();
    let (index, request) = (read.entry(), read.header("coffre-request").to_owned());
    // A copy of the files as they are now is what a crash would leave.
    let copy = tempfile::tempdir().unwrap();
    let status = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions();
    let target = copy.path().join("vault");
    copy_folder(&vault.vault(), &target);
    std::fs::set_permissions(&target, status(&vault.vault())).unwrap();
    let opened = crate::running::open_vault(&target, std::sync::Arc::new(coffre_store::clock::SystemClock));
    let entries = opened.snapshot().unwrap().entries(index, 1).unwrap();
    assert!(String::from_utf8_lossy(&entries[0].leaf).contains(&request));
    opened.close();
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
