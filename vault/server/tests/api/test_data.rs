//! Test data about nobody: two operators agree, the vault's own user fetches, another vault loads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry, grant};

const PROPOSE: &str = "/v1/records/policyholder/export/pseudonymised?purpose=test-data&reason=acceptance%20of%20June";
const FETCH: &str = "/v1/exports/pseudonymised/fetch";
const LOAD: &str = "/v1/import/pseudonymised";

async fn agree(first: &Caller, second: &Caller) -> String {
    let proposed = first.tell(PROPOSE).await;
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    let id = proposed.json()["id"].as_str().unwrap().to_owned();
    let confirmed = second.tell(&format!("/v1/exports/{id}/confirm")).await;
    assert_eq!((confirmed.status.as_u16(), &confirmed.json()["status"]), (202, &json!("confirmed")));
    id
}

/// Six families of two who share a phone, each with a contract of their own and a document.
async fn town(vault: &Running) -> (Caller, Vec<String>) {
    let legal = vault.application("cobol", "legal").await;
    let mut originals = Vec::new();
    for at in 0..12 {
        let family = ["Durand", "Vasseur", "Lefèvre"][at / 2 % 3];
        let person = json!({
            "contact": {
                "family_name": family, "given_name": format!("Clotilde{at}"), "birth_date": format!("19{}-05-17", 60 + at),
                "email": format!("clotilde.{at}@orange.fr"), "phone": format!("06 12 34 56 {:02}", at / 2),
            },
            "health": {"illnesses": ["diabète insipide"]},
            "contract": {"number": format!("AUT-2019-{:06}", 7 + at), "product": "Automobile", "status": "active"},
        });
        let record = create(&legal, &person).await;
        let to = format!("{record}/documents?purpose=contract-administration");
        let name = format!("attachment; filename=\"contrat-clotilde-{at}.pdf\"");
        let upload = legal.clone().with("content-type", "application/pdf").with("content-disposition", &name);
        let stored = upload.send(hyper::Method::POST, &to, vec![b'x'; 20_000]).await;
        assert_eq!(stored.status, 201, "{}", stored.text());
        grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
        for field in ["family_name", "given_name", "email", "phone"] {
            originals.push(person["contact"][field].as_str().unwrap().to_owned());
        }
        originals.push(person["contract"]["number"].as_str().unwrap().to_owned());
    }
    originals.extend(["Automobile", "diabète", "contrat-"].map(str::to_owned));
    (legal, originals)
}

#[tokio::test]
async fn a_set_takes_two_operators_and_another_vault_loads_it() {
    let vault = Running::start().await;
    let (legal, originals) = town(&vault).await;
    let (dpo, other) = (vault.application("dpo", "dpo").await, legal.clone().for_operator("b.durand"));
    let restricted = create(&legal, &anne()).await;
    legal.tell(&format!("{restricted}/restrict?purpose=data-subject-request&ground=a&reason=disputed")).await.ok();
    let control = vault.control("control.sock");
    control.post(FETCH, &json!({"id": null})).await.problem(404, "none-agreed");

    let size = vault.store.tree_head().size;
    let id = agree(&legal, &other).await;
    let fetched = control.post(FETCH, &json!({"id": null})).await.ok();
    assert_eq!(fetched.header("content-type"), "application/x-ndjson");
    control.post(FETCH, &json!({"id": id})).await.problem(404, "none-agreed");
    let set = fetched.text();
    let lines: Vec<Value> = set.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"format": "coffre-pseudonymised/1", "type": "policyholder"}));
    assert_eq!(lines[13], json!({"complete": true, "records": 12, "left_out": 1, "phones_shared": 0}));
    for original in &originals {
        assert!(!set.to_lowercase().contains(&original.to_lowercase()), "{original}");
    }
    let mut phones: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &lines[1..13] {
        *phones.entry(line["fields"]["contact.phone"].as_str().unwrap()).or_default() += 1;
        assert_eq!(
            line["documents"],
            json!([{"file_name": "document-1.pdf", "media_type": "application/pdf", "length": 65536}])
        );
        assert_eq!(line["grants"][0]["purpose"], "direct-marketing");
    }
    assert_eq!(phones.into_values().collect::<Vec<_>>(), [2; 6]);

    // Proposed, confirmed, fetched, then one for each record, the restricted one refused.
    let entries = dpo.get(&format!("/v1/audit/entries?from={size}&limit=100")).await.ok().json();
    let entries: Vec<&Value> = entries["entries"].as_array().unwrap().iter().map(|entry| &entry["entry"]).collect();
    let actions: Vec<&str> = entries.iter().take(16).map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[0], "propose-pseudonymised-export");
    assert!(actions[1..].iter().all(|action| *action == "pseudonymised-export"), "{actions:?}");
    assert!(entries[2]["operator"].as_str().unwrap().starts_with("uid-"), "{}", entries[2]);
    assert_eq!(entries.iter().take(16).filter(|entry| entry["decision"] == "deny").count(), 1);
    let of_record = entries[3..16].iter().find(|entry| entry["decision"] == "allow").unwrap();
    assert_eq!((&of_record["operator"], &of_record["purpose"]), (&json!("b.durand"), &json!("test-data")));
    let read: Vec<&str> = of_record["fields"].as_array().unwrap().iter().map(|field| field.as_str().unwrap()).collect();
    assert!(read.contains(&"contact.email") && !read.contains(&"health.illnesses"), "{read:?}");
    assert_eq!(of_record["target"], format!("export {id}"));

    let elsewhere = Running::start().await;
    let file = elsewhere.folder.path().join("set.ndjson");
    std::fs::write(&file, &set).unwrap();
    let told = elsewhere.control("control.sock").post(LOAD, &json!({"from": file})).await.ok().text();
    let report: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let expected = json!({"record_type": "policyholder", "records": 12, "documents": 12, "grants": 12});
    assert_eq!(report, json!({ "report": expected }));
    loaded_well(&elsewhere, &lines[1..13]).await;
    let again = elsewhere.control("control.sock").post(LOAD, &json!({"from": file})).await.ok().text();
    assert!(again.contains("holds records of type policyholder already"), "{again}");
}

/// Whether a vault answers what is in a set.
async fn loaded_well(vault: &Running, lines: &[Value]) {
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let mut found = BTreeSet::new();
    for line in lines {
        let (index, value) = ("contract.number", line["fields"]["contract.number"].clone());
        let search = json!({"index": index, "value": value, "fields": ["contact.email"], "purpose": "claims-handling"});
        let hits = legal.post("/v1/records/policyholder/search", &search).await.ok().json();
        let hit = hits["hits"][0].clone();
        assert_eq!(hit["fields"]["contact.email"], line["fields"]["contact.email"]);
        found.insert(hit["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(found.len(), lines.len());
    let record = format!("/v1/records/policyholder/{}", found.first().unwrap());
    let documents = legal.get(&format!("{record}/documents?purpose=claims-handling")).await.ok().json();
    let document = documents["documents"][0]["id"].as_str().unwrap().to_owned();
    let content = legal.get(&format!("{record}/documents/{document}?purpose=claims-handling")).await.ok();
    assert!(content.body.starts_with(b"%PDF-") && content.body.len() == 65_536);
    let entries = dpo.get("/v1/audit/entries?from=0&limit=20").await.ok().json();
    let imported = entries["entries"].as_array().unwrap().iter().find(|entry| entry["entry"]["action"] == "import");
    assert_eq!(imported.unwrap()["entry"]["purpose"], "test-data");
}

#[tokio::test]
async fn nobody_has_a_set_made_alone_or_of_what_they_may_not() {
    let vault = Running::start().await;
    let (legal, _) = town(&vault).await;
    let (dpo, sales) = (vault.application("dpo", "dpo").await, vault.application("shop", "sales").await);
    let other = legal.clone().for_operator("b.durand");
    let control = vault.control("control.sock");
    for refused in [&dpo, &sales] {
        refused.tell(PROPOSE).await.problem(403, "denied");
    }
    legal.tell(&PROPOSE.replace("test-data", "contract-administration")).await.problem(403, "denied");
    legal.tell(&PROPOSE.replace("&reason=acceptance%20of%20June", "")).await.problem(400, "malformed-request");
    legal.tell(&PROPOSE.replace("policyholder", "patient")).await.problem(404, "unknown-record-type");
    // For a test nothing real is read or exported.
    let real = "/v1/records/policyholder/export?fields=contact.email&purpose=test-data&reason=x";
    legal.tell(real).await.problem(403, "denied");
    let id = legal.tell(PROPOSE).await.json()["id"].as_str().unwrap().to_owned();
    let alone = legal.tell(&format!("/v1/exports/{id}/confirm")).await.problem(409, "not-another-operator");
    let denied = entry(&dpo, alone["audit_entry"].as_u64().unwrap()).await;
    assert_eq!((&denied["action"], &denied["decision"]), (&json!("pseudonymised-export"), &json!("deny")));
    control.post(FETCH, &json!({"id": id})).await.problem(404, "none-agreed");

    let (first, second) = (agree(&legal, &other).await, agree(&other, &legal).await);
    let several = control.post(FETCH, &json!({"id": null})).await.problem(409, "several-agreed");
    let detail = several["detail"].as_str().unwrap();
    assert!(detail.contains(&first) && detail.contains(&second), "{detail}");
    control.post(FETCH, &json!({"id": second})).await.ok();
    // Whoever confirmed has lost their access meanwhile.
    control.tell("/v1/applications/cobol/revoke").await.ok();
    let size = vault.store.tree_head().size;
    let gone = control.post(FETCH, &json!({"id": first})).await;
    assert_eq!(gone.status, 401, "{}", gone.text());
    assert!(vault.store.tree_head().size <= size + 1, "nothing was read");
}

#[tokio::test]
async fn what_was_agreed_to_lapses() {
    let vault = Running::start().await;
    let (legal, _) = town(&vault).await;
    let id = agree(&legal, &legal.clone().for_operator("b.durand")).await;
    vault.clock.pass_seconds(3600);
    vault.control("control.sock").post(FETCH, &json!({"id": id})).await.problem(404, "none-agreed");
}

#[tokio::test]
async fn a_set_that_is_not_whole_or_does_not_fit_brings_nothing() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let begin = r#"{"format":"coffre-pseudonymised/1","type":"policyholder"}"#;
    let line = r#"{"fields":{"contact.family_name":"Bravelin"},"documents":[],"grants":[]}"#;
    let end = |records| format!(r#"{{"complete":true,"records":{records},"left_out":0,"phones_shared":0}}"#);
    let file = vault.folder.path().join("set.ndjson");
    for (text, said) in [
        (String::new(), "line 1 is not the beginning"),
        (begin.replace("/1", "/2"), "line 1 is not the beginning"),
        (begin.replace("policyholder", "patient"), "which the policies do not know"),
        (begin.to_owned(), "the set is not whole"),
        (format!("{begin}\n{line}\n"), "the set is not whole"),
        (format!("{begin}\n{line}\n{}\n", end(2)), "the set is not whole"),
        (
            format!("{begin}\n{}\n{}\n", line.replace("contact.family_name", "contact.fax"), end(1)),
            "line 2: contact.fax",
        ),
        (
            format!("{begin}\n{}\n{}\n", line.replace("family", "given"), end(1)),
            "line 2: contact.family_name: required",
        ),
        (format!("{begin}\n{{\"fields\":3}}\n{}\n", end(1)), "line 2 is not what a set of test data holds"),
        (
            format!(
                "{begin}\n{}\n{}\n",
                line.replace(
                    r#""documents":[]"#,
                    r#""documents":[{"file_name":"a.pdf","media_type":"application/pdf","length":999999999}]"#
                ),
                end(1)
            ),
            "line 2: a document is longer",
        ),
        (
            format!(
                "{begin}\n{}\n{}\n",
                line.replace(
                    r#""grants":[]"#,
                    r#""grants":[{"role":"sales","purpose":"leisure","fields":["contact.email"],"basis":"consent"}]"#
                ),
                end(1)
            ),
            "line 2: ",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let told = control.post(LOAD, &json!({"from": file})).await.ok().text();
        let fault: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        let message = fault["fault"]["message"].as_str().unwrap();
        assert!(message.contains(said) && fault["fault"]["unsuitable"] == true, "{said}: {told}");
    }
    for (from, said) in
        [(json!("set.ndjson"), "absolute path"), (json!(vault.folder.path().join("none")), "cannot read")]
    {
        let told = control.post(LOAD, &json!({ "from": from })).await.ok().text();
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(vault.store.statistics().unwrap().records, 0);
    std::fs::write(&file, format!("{begin}\n{line}\n{}\n", end(1))).unwrap();
    let told = control.post(LOAD, &json!({"from": file})).await.ok().text();
    assert!(told.contains(r#""records":1"#), "{told}");
}
