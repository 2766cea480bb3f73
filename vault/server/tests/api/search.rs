//! Searching: what is found, and what is left out without a trace.

use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running, anne, create, entry, grant};

async fn search(caller: &Caller, index: &str, value: &str, fields: &[&str], purpose: &str) -> Answer {
    let body = json!({"index": index, "value": value, "fields": fields, "purpose": purpose, "reason": "phone call"});
    caller.post("/v1/records/policyholder/search", &body).await
}

fn emails(found: &Value) -> Vec<&str> {
    found["hits"].as_array().unwrap().iter().map(|hit| hit["fields"]["contact.email"].as_str().unwrap()).collect()
}

fn person(family_name: &str, email: &str) -> Value {
    json!({"contact.family_name": family_name, "contact.email": email})
}

#[tokio::test]
async fn a_misspelt_name_finds_every_homonym() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let anne = create(&legal, &anne()).await;
    create(&legal, &person("LEFEBVRE", "luc@example.fr")).await;
    create(&legal, &person("Bernard", "b@example.fr")).await;
    let found = search(&legal, "contact.family_name", "lefevre", &["contact.email"], "customer-support").await.ok();
    let hits = found.json();
    assert_eq!(emails(&hits), ["anne.lefevre@example.fr", "luc@example.fr"]);
    assert_eq!(hits["hits"][0]["matched"], "written");
    assert_eq!(hits["hits"][1]["matched"], "sound");
    assert_eq!(hits["more"], false);

    let logged = entry(&dpo, found.entry()).await;
    assert_eq!(logged["action"], "search");
    assert_eq!(logged["index"], "contact.family_name");
    assert_eq!(logged["subjects"].as_array().unwrap().len(), 2, "one entry names everybody who was found");
    assert!(!logged.to_string().to_lowercase().contains("lefevre"), "the term is not in the log: {logged}");

    for (index, value) in [
        ("contact.email", " ANNE.Lefevre@example.fr"),
        ("contact.phone", "06 39 98 12 34"),
        ("contract.number", "c-2024-0001"),
    ] {
        let found = search(&legal, index, value, &["contact.email"], "customer-support").await.ok().json();
        assert_eq!(emails(&found), ["anne.lefevre@example.fr"], "{index}");
        assert!(anne.ends_with(found["hits"][0]["id"].as_str().unwrap()));
    }
    let none = search(&legal, "contact.email", "nobody@example.fr", &["contact.email"], "customer-support").await.ok();
    assert_eq!(none.json(), json!({"hits": [], "more": false}));
    assert_eq!(entry(&dpo, none.entry()).await["decision"], "allow");
    search(&legal, "contact.family_name", " - ", &["contact.email"], "customer-support")
        .await
        .problem(400, "empty-term");
}

#[tokio::test]
async fn what_the_caller_may_not_read_is_not_found() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let open = create(&legal, &anne()).await;
    let without_the_index = create(&legal, &person("Lefèvre", "second@example.fr")).await;
    create(&legal, &person("Lefèvre", "third@example.fr")).await;
    grant(&legal, &open, "sales", "direct-marketing", &["contact.family_name", "contact.email"]).await;
    // That a name is searched for and found would tell the name.
    grant(&legal, &without_the_index, "sales", "direct-marketing", &["contact.email"]).await;
    let fields = ["contact.email", "contact.phone"];
    let found = search(&sales, "contact.family_name", "Lefevre", &fields, "direct-marketing").await.ok();
    assert_eq!(emails(&found.json()), ["anne.lefevre@example.fr"]);
    assert_eq!(found.json()["hits"][0]["withheld"], json!({"contact.phone": "not-in-grant"}));
    let logged = entry(&dpo, found.entry()).await;
    assert_eq!(logged["subjects"].as_array().unwrap().len(), 1, "who was not found was not accessed");
    assert_eq!(logged["withheld"], json!(["contact.phone"]));
    assert_eq!(logged["grants"].as_array().unwrap().len(), 1);

    let health = search(&sales, "contact.family_name", "Lefevre", &["health.illnesses"], "direct-marketing").await;
    let problem = health.problem(403, "denied");
    assert!(problem["denied_by"].as_array().unwrap().contains(&json!("sales-never-health")));
    assert_eq!(entry(&dpo, health.entry()).await["index"], "contact.family_name");
    search(&dpo, "contact.family_name", "Lefevre", &["contact.email"], "audit").await.problem(403, "denied");
}

#[tokio::test]
async fn many_hits_are_cut_and_say_so() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let made = (0..101).map(|n| {
        let legal = legal.clone();
        async move { create(&legal, &person("Martin", &format!("m{n}@example.fr"))).await }
    });
    futures_util::future::join_all(made).await;
    let found =
        search(&legal, "contact.family_name", "martin", &["contact.email"], "customer-support").await.ok().json();
    assert_eq!(found["hits"].as_array().unwrap().len(), 100);
    assert_eq!(found["more"], true);
}

#[tokio::test]
async fn what_was_not_looked_at_is_not_said_to_be_absent() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let martins = |numbers: std::ops::Range<u32>| {
        let people = numbers.map(|n| person("Martin", &format!("m{n}@example.fr")).to_string());
        people.collect::<Vec<_>>().join("\n")
    };
    let import = "/v1/records/policyholder/import?purpose=contract-administration";
    let ndjson = legal.clone().with("content-type", "application/x-ndjson");
    for (numbers, more) in [(0..500, false), (500..501, true)] {
        ndjson.send(hyper::Method::POST, import, martins(numbers)).await.ok();
        let found = search(&sales, "contact.family_name", "martin", &["contact.email"], "direct-marketing").await.ok();
        assert_eq!(found.json(), json!({"hits": [], "more": more}));
    }
}
