//! Retention: planned, then carried out; holds and waiting requests win, and what is set apart is read by few.

use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry};

fn years_ago(vault: &Running, years: u32, day: &str) -> String {
    let year: u32 = vault.store.now().to_string()[..4].parse().unwrap();
    format!("{}-{day}", year - years)
}

/// A record whose contract ended so many years ago.
async fn ended(vault: &Running, legal: &Caller, years: u32) -> String {
    let mut values = anne();
    values["contract"]["end_date"] = json!(years_ago(vault, years, "01-01"));
    create(legal, &values).await
}

fn acts(plan: &Value, record: &str) -> Vec<(String, String)> {
    let id = record.rsplit_once('/').unwrap().1;
    let steps = plan["steps"].as_array().unwrap().iter().filter(|step| step["id"] == id);
    steps
        .map(|step| (step["category"].as_str().unwrap().to_owned(), step["act"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn what_is_past_its_time_is_set_apart_removed_and_erased() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let (running, recent, old) =
        (create(&legal, &anne()).await, ended(&vault, &legal, 1).await, ended(&vault, &legal, 6).await);
    let gone = ended(&vault, &legal, 11).await;
    let plan = dpo.get("/v1/retention/plan").await.ok().json();
    assert_eq!(plan["records"], 4);
    assert_eq!(acts(&plan, &running), []);
    let named =
        |act: &str, names: &[&str]| names.iter().map(|name| ((*name).to_owned(), act.to_owned())).collect::<Vec<_>>();
    assert_eq!(acts(&plan, &recent), named("archive", &["contact", "lifestyle", "health", "contract"]));
    let mut expected = named("remove", &["contact", "lifestyle", "health"]);
    expected.extend(named("archive", &["contract"]));
    assert_eq!(acts(&plan, &old), expected);
    assert_eq!(acts(&plan, &gone), named("erase", &["contact", "lifestyle", "health", "contract"]));
    let source = plan["steps"].as_array().unwrap().iter().find(|step| step["category"] == "health").unwrap()["source"]
        ["en"]
        .clone();
    assert!(source.as_str().unwrap().contains("L114-1"));
    let read = |record: &str, purpose: &str| format!("{record}?fields=contact.email,contract.number&purpose={purpose}");
    legal.get(&read(&gone, "contract-administration")).await.ok();

    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!((&run["archived"], &run["removed"], &run["erased"]), (&json!(5), &json!(3), &json!(1)), "{run}");
    legal.get(&read(&running, "contract-administration")).await.ok();
    let refused = legal.get(&read(&recent, "contract-administration")).await.problem(403, "denied");
    assert_eq!((&refused["cause"], &refused["denied_by"]), (&json!("archived"), &json!(["archived-is-set-apart"])));
    let claim = legal.get(&read(&recent, "legal-defence")).await.ok().json();
    assert_eq!(claim["fields"]["contract.number"], "C-2024-0001");
    let left = legal.get(&read(&old, "legal-defence")).await.ok().json();
    assert_eq!(left["fields"], json!({"contract.number": "C-2024-0001"}), "contact details are gone");
    let search = json!({"index": "contact.email", "value": "anne.lefevre@example.fr", "fields": ["contact.email"], "purpose": "legal-defence"});
    let hits = legal.post("/v1/records/policyholder/search", &search).await.ok().json();
    assert_eq!(hits["hits"].as_array().unwrap().len(), 2, "found by it are the two that still have it: {hits}");
    legal.get(&read(&gone, "legal-defence")).await.problem(404, "not-found");
    let erasure = dpo.get(&format!("{gone}/erasure")).await.ok().json();
    assert_eq!(erasure["status"], "pending");
    assert!(erasure["certificate"].as_str().unwrap().contains("coffre erasure certificate v1"));

    let head = dpo.get("/v1/audit/entries?from=0&limit=1000").await.ok().json();
    let by_rule: Vec<&Value> = head["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["entry"])
        .filter(|entry| entry["cause"] == "retention")
        .collect();
    let actions: std::collections::BTreeSet<&str> =
        by_rule.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["archive", "erase", "erase-categories"].into());
    assert!(by_rule.iter().all(|entry| entry["operator"] == "a.martin" && entry["policy_set"].is_string()));
    let again = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!((&again["archived"], &again["removed"], &again["erased"]), (&json!(0), &json!(0), &json!(0)));
}

#[tokio::test]
async fn a_plan_names_whom_it_lists_and_what_their_days_rest_on() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    create(&legal, &anne()).await;
    let ended = [ended(&vault, &legal, 1).await, ended(&vault, &legal, 11).await];
    let mut listed = ended.each_ref().map(|record| record.rsplit_once('/').unwrap().1);
    listed.sort_unstable();
    // Of which day it is, and of which product: one that is kept longer has another source.
    let rested_on = ["contract.end_date", "contract.others", "contract.product"];
    for planner in [&dpo, &vault.control("control.sock")] {
        let planned = planner.get("/v1/retention/plan").await.ok();
        let named: std::collections::BTreeSet<String> =
            planned.json()["steps"].as_array().unwrap().iter().map(|step| step["id"].to_string()).collect();
        assert_eq!(named.len(), listed.len());
        let entry = entry(&dpo, planned.entry()).await;
        assert_eq!((&entry["action"], &entry["record_type"]), (&json!("plan-retention"), &json!("policyholder")));
        assert_eq!((&entry["subjects"], &entry["fields"]), (&json!(listed), &json!(rested_on)));
    }
}

#[tokio::test]
async fn holds_and_waiting_requests_win() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let (disputed, waiting) = (ended(&vault, &legal, 11).await, ended(&vault, &legal, 11).await);
    let hold =
        legal.tell(&format!("{disputed}/holds?purpose=legal-defence&reason=claim")).await.ok().json()["id"].clone();
    let body = json!({"type": "policyholder", "id": waiting.rsplit_once('/').unwrap().1, "kind": "access", "channel": "email"});
    let request = legal.post("/v1/requests", &body).await.ok().header("location").to_owned();
    let plan = dpo.get("/v1/retention/plan").await.ok().json();
    let kept: Vec<&Value> = plan["steps"].as_array().unwrap().iter().map(|step| &step["kept_by"]).collect();
    assert!(kept.contains(&&json!("legal-hold")) && kept.contains(&&json!("request")), "{plan}");
    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!(
        (&run["erased"], &run["removed"], &run["on_hold"], &run["with_request"]),
        (&json!(0), &json!(0), &json!(1), &json!(1))
    );
    let read = |record: &str, purpose: &str| format!("{record}?fields=contact.email&purpose={purpose}");
    legal.get(&read(&disputed, "legal-defence")).await.ok();
    assert_eq!(
        legal.get(&read(&disputed, "contract-administration")).await.problem(403, "denied")["cause"],
        "archived",
        "kept apart"
    );
    let printed = async |record: &str| {
        let export = format!("{record}/export/access?purpose=data-subject-request&reason=letter&format=html");
        legal.tell(&export).await.ok().text()
    };
    let reasons = [(&disputed, "un litige ou une procédure"), (&waiting, "jusqu'à la réponse à vos demandes")];
    for (record, why) in reasons {
        let page = printed(record.as_str()).await;
        assert!(page.contains(why) && !page.contains("contrat court"), "{page}");
    }
    legal.tell(&format!("/v1/holds/{}/lift?purpose=legal-defence&reason=settled", hold.as_str().unwrap())).await.ok();
    legal.tell(&format!("{request}/withdraw")).await.ok();
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["erased"], 2);
}

/// A person may ask for restriction so that data are kept which are not needed any more (GDPR article 18(1)(b), (c)).
#[tokio::test]
async fn what_is_restricted_is_stored_until_that_ends() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let (old, gone) = (ended(&vault, &legal, 6).await, ended(&vault, &legal, 11).await);
    for record in [&old, &gone] {
        let restrict = format!("{record}/restrict?purpose=data-subject-request&ground=c&reason=claim");
        legal.tell(&restrict).await.ok();
    }
    let plan = dpo.get("/v1/retention/plan").await.ok().json();
    let kept = plan["steps"].as_array().unwrap().iter().filter(|step| step["kept_by"] == "restriction").count();
    assert_eq!((kept, &plan["counts"]), (7, &json!({"archive": 1, "keep": 7})), "{plan}");
    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!((&run["erased"], &run["removed"], &run["restricted"]), (&json!(0), &json!(0), &json!(2)), "{run}");
    let read = |record: &str| format!("{record}?fields=contact.email&purpose=legal-defence");
    for record in [&old, &gone] {
        assert_eq!(legal.get(&read(record)).await.ok().json()["fields"]["contact.email"], "anne.lefevre@example.fr");
        legal.tell(&format!("{record}/unrestrict?purpose=legal-defence&reason=settled")).await.ok();
    }
    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!((&run["erased"], &run["removed"], &run["restricted"]), (&json!(1), &json!(3), &json!(0)), "{run}");
    assert_eq!(run["brought_back"], 0, "what was apart until it went: {run}");
}

/// What a service proposed is a value of the person, too, and Legal reads it there.
#[tokio::test]
async fn what_was_proposed_for_a_category_goes_with_it() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let service = vault.application("desk", "customer-service").await;
    let record = ended(&vault, &legal, 3).await;
    let proposed = json!({"contact.phone": "+33 6 39 98 99 99", "health.illnesses": ["asthme"]});
    let body = json!({
        "type": "policyholder", "id": record.rsplit_once('/').unwrap().1, "kind": "change", "channel": "phone",
        "purpose": "customer-support", "changes": proposed, "text": "Elle a rappelé.",
    });
    let request = service.post("/v1/requests", &body).await.ok().header("location").to_owned();
    let read = format!("{request}?purpose=data-subject-request");
    assert_eq!(legal.get(&read).await.ok().json()["steps"][0]["changes"], proposed);
    legal.post(&format!("{request}/refuse"), &json!({"text": "Le contrat est terminé."})).await.ok();
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["removed"], 2, "lifestyle and health");
    let left = legal.get(&read).await.ok().json();
    assert_eq!(left["steps"][0]["changes"], json!({"contact.phone": "+33 6 39 98 99 99"}), "{left}");
    assert_eq!(left["steps"][0]["text"], "Elle a rappelé.");
    assert_eq!(left["steps"][1]["text"], "Le contrat est terminé.");
}

/// Time in the log does not go back with the clock: for years it would be ahead of it.
#[tokio::test]
async fn nothing_goes_early_because_the_clock_was_ahead() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &json!({"contact": {"family_name": "Moreau"}})).await;
    let old = ended(&vault, &legal, 1).await;
    let read = |record: &str| format!("{record}?fields=contact.family_name&purpose=legal-defence");
    for _ in 0..300 {
        legal.get(&read(&record)).await.ok();
    }
    let years = 11 * 366 * 24 * 3600;
    vault.clock.pass_seconds(years);
    let ahead = legal.get(&read(&record)).await.ok();
    vault.clock.pass_seconds(-years);
    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!((&run["erased"], &run["removed"], &run["pruned"]), (&json!(0), &json!(0), &json!(0)), "{run}");
    assert_eq!(run["archived"], 4, "set apart as on their last day");
    let plan = dpo.get("/v1/retention/plan").await.ok().json();
    assert_eq!((&plan["counts"], &plan["log"]["past"]), (&json!({}), &json!(0)), "{plan}");
    for record in [&record, &old] {
        legal.get(&read(record)).await.ok();
    }
    assert!(entry(&dpo, ahead.entry()).await["time"].as_str().unwrap() > "2036", "time goes on from there");
    vault.clock.pass_seconds(years);
    let run = dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!(run["erased"], 2, "{run}");
    assert!(run["pruned"].as_u64().unwrap() >= 256, "{run}");
}

#[tokio::test]
async fn a_former_version_is_not_restored_into_what_is_set_apart() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = ended(&vault, &legal, 1).await;
    legal.patch(&format!("{record}?purpose=contract-administration"), 1, &json!({"contact.phone": null})).await.ok();
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["archived"], 4);
    let restoring = legal.clone().with("if-match", "\"2\"");
    let restore = |purpose: &str| format!("{record}/versions/1/restore?purpose={purpose}");
    let refused = restoring.tell(&restore("contract-administration")).await.problem(403, "denied");
    assert_eq!((&refused["cause"], &refused["denied_by"]), (&json!("archived"), &json!(["archived-is-set-apart"])));
    let restored = restoring.tell(&restore("data-subject-request")).await.ok().json();
    assert_eq!(restored["version"], 3);
}

#[tokio::test]
async fn a_contract_that_is_taken_up_again_comes_back_into_use() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = ended(&vault, &legal, 1).await;
    let run = vault.control("control.sock").tell("/v1/retention/run").await.ok().json();
    assert_eq!(run["archived"], 4);
    let amend = json!({"contract.end_date": null});
    legal.patch(&format!("{record}?purpose=contract-administration"), 1, &amend).await.problem(403, "denied");
    legal.patch(&format!("{record}?purpose=data-subject-request"), 1, &amend).await.ok();
    let planned = vault.control("control.sock").get("/v1/retention/plan").await.ok();
    assert_eq!(entry(&dpo, planned.entry()).await["operator_known"], "local-account");
    assert_eq!(planned.json()["counts"], json!({"bring-back": 4}));
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["brought_back"], 4);
    legal.get(&format!("{record}?fields=contact.email&purpose=contract-administration")).await.ok();
}

#[tokio::test]
async fn a_prospect_is_erased_three_years_after_the_last_contact() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &json!({"contact": {"family_name": "Moreau"}})).await;
    let day = 24 * 3600;
    vault.clock.pass_seconds(3 * 365 * day - day);
    assert_eq!(dpo.get("/v1/retention/plan").await.ok().json()["counts"], json!({}));
    vault.clock.pass_seconds(3 * day);
    let plan = dpo.get("/v1/retention/plan").await.ok().json();
    assert_eq!(acts(&plan, &record), [("contact".to_owned(), "erase".to_owned())]);
    assert!(plan["steps"][0]["source"]["fr"].as_str().unwrap().contains("trois ans"));
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["erased"], 1);
    assert!(plan["log"]["past"].as_u64().unwrap() > 0, "entries of three years ago: {}", plan["log"]);
}

#[tokio::test]
async fn answered_requests_go_at_the_end_of_their_own_time() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let (record, disputed) = (create(&legal, &anne()).await, create(&legal, &anne()).await);
    let frozen = create(&legal, &anne()).await;
    let file = async |record: &str| {
        let id = record.rsplit_once('/').unwrap().1;
        let body =
            json!({"type": "policyholder", "id": id, "kind": "access", "channel": "email", "text": "everything"});
        legal.post("/v1/requests", &body).await.ok().header("location").to_owned()
    };
    let (answered, waiting, held) = (file(&record).await, file(&record).await, file(&disputed).await);
    let restricted = file(&frozen).await;
    for request in [&answered, &held, &restricted] {
        legal.post(&format!("{request}/refuse"), &json!({"text": "asked last week"})).await.ok();
    }
    legal.tell(&format!("{disputed}/holds?purpose=legal-defence&reason=claim")).await.ok();
    legal.tell(&format!("{frozen}/restrict?purpose=data-subject-request&ground=c&reason=claim")).await.ok();
    let day = 24 * 3600;
    vault.clock.pass_seconds(6 * 365 * day - 5 * day);
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["requests_removed"], 0);
    vault.clock.pass_seconds(15 * day);
    let planned = dpo.get("/v1/retention/plan").await.ok().json()["requests"].clone();
    assert_eq!((&planned["keep"], &planned["past"]), (&json!("P6Y"), &json!(1)), "{planned}");
    assert!(planned["source"]["fr"].as_str().unwrap().contains("article 8"), "{planned}");
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["requests_removed"], 1);
    assert_eq!(legal.get(&answered).await.status, 404);
    assert_eq!(legal.get(&waiting).await.ok().json()["state"], "open", "whatever it says waits for its answer");
    assert_eq!(legal.get(&held).await.ok().json()["state"], "refused", "a hold keeps what the dispute may be about");
    assert_eq!(legal.get(&restricted).await.ok().json()["state"], "refused", "what is restricted is stored");
    assert_eq!(vault.control("control.sock").tell("/v1/retention/run").await.ok().json()["requests_removed"], 0);

    let logged = dpo.get("/v1/audit/entries?from=0&limit=1000").await.ok().json();
    let of = |entry: &&Value| entry["entry"]["action"] == "remove-requests";
    let removed: Vec<&Value> = logged["entries"].as_array().unwrap().iter().filter(of).collect();
    assert_eq!(removed.len(), 1, "{removed:?}");
    let (what, id) = (&removed[0]["entry"], record.rsplit_once('/').unwrap().1);
    assert_eq!((&what["subjects"], &what["cause"]), (&json!([id]), &json!("retention")));
}

#[tokio::test]
async fn who_may_not() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    legal.get("/v1/retention/plan").await.ok();
    legal.tell("/v1/retention/run").await.problem(403, "denied");
    sales.get("/v1/retention/plan").await.problem(403, "denied");
    sales.tell("/v1/retention/run").await.problem(403, "denied");
    legal.get("/v1/retention/plan?type=policyholder").await.problem(400, "malformed-request");
}
