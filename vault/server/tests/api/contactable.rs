//! «May I contact these people?»: yes or no, on consent alone, and in the log.

use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry, grant};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn id_of(record: &str) -> &str {
    record.rsplit('/').next().unwrap()
}

fn asking(channel: &str, people: &Value) -> Value {
    json!({"type": "policyholder", "purpose": "direct-marketing", "channel": channel, "people": people})
}

async fn answer(sales: &Caller, channel: &str, people: &Value) -> Value {
    let answer = sales.post("/v1/contactable", &asking(channel, people)).await.ok().json();
    assert_eq!(answer.as_object().unwrap().len(), 1, "nothing else is told: {answer}");
    answer["contactable"].clone()
}

struct Setting {
    vault: Running,
    legal: Caller,
    sales: Caller,
    dpo: Caller,
}

async fn setting() -> Setting {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let dpo = vault.application("dpo", "dpo").await;
    Setting { vault, legal, sales, dpo }
}

#[tokio::test]
async fn yes_needs_a_consent_for_the_channel_and_whatever_else_is_no() {
    let Setting { vault: _vault, legal, sales, dpo } = setting().await;
    let (consenting, silent) =
        (create(&legal, &anne()).await, create(&legal, &json!({"contact": {"family_name": "Petit"}})).await);
    let consent = grant(&legal, &consenting, "sales", "direct-marketing", &["contact.email"]).await;
    let terms = json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "legitimate-interests"});
    legal.post(&format!("{silent}/grants"), &terms).await.ok();

    let people = json!([
        {"id": id_of(&consenting)},
        {"id": id_of(&silent)},
        {"id": UNKNOWN},
        {"index": "contact.email", "value": "Anne.Lefevre@example.fr"},
        {"index": "contact.phone", "value": "06 39 98 12 34"},
        {"index": "contact.email", "value": "nobody@example.fr"},
    ]);
    assert_eq!(answer(&sales, "email", &people).await, json!([true, false, false, true, true, false]));
    assert_eq!(answer(&sales, "phone", &people).await, json!([false, false, false, false, false, false]));

    legal.tell(&format!("/v1/grants/{consent}/withdraw")).await.ok();
    let after = sales.post("/v1/contactable", &asking("email", &people)).await.ok();
    assert_eq!(after.json()["contactable"], json!([false, false, false, false, false, false]));
    assert_eq!(entry(&dpo, after.entry()).await["cause"], "not-contactable");
}

#[tokio::test]
async fn a_value_that_several_share_is_yes_only_if_it_is_for_all() {
    let Setting { vault: _vault, legal, sales, dpo } = setting().await;
    let shared = json!([{"index": "contact.email", "value": "anne.lefevre@example.fr"}]);
    let (first, second) = (create(&legal, &anne()).await, create(&legal, &anne()).await);
    grant(&legal, &first, "sales", "direct-marketing", &["contact.email"]).await;
    let asked = sales.post("/v1/contactable", &asking("email", &shared)).await.ok();
    assert_eq!(asked.json()["contactable"], json!([false]));
    let mut both = [id_of(&first), id_of(&second)];
    both.sort_unstable();
    let logged = entry(&dpo, asked.entry()).await;
    assert_eq!((&logged["decision"], &logged["subjects"]), (&json!("deny"), &json!(both)), "what was answered");
    grant(&legal, &second, "sales", "direct-marketing", &["contact.email"]).await;
    assert_eq!(answer(&sales, "email", &shared).await, json!([true]));
}

#[tokio::test]
async fn the_log_names_everybody_who_was_found() {
    let Setting { vault, legal, sales, dpo } = setting().await;
    let mut yes = Vec::new();
    for _ in 0..3 {
        let record = create(&legal, &anne()).await;
        grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
        yes.push(id_of(&record).to_owned());
    }
    let no = id_of(&create(&legal, &anne()).await).to_owned();
    let mut people: Vec<Value> = yes.iter().chain([&no]).map(|id| json!({"id": id})).collect();
    people.push(json!({"index": "contact.email", "value": "nobody@example.fr"}));
    let before = vault.store.tree_head().size;
    let asked = sales.post("/v1/contactable", &asking("email", &json!(people))).await.ok();
    assert_eq!(asked.json()["contactable"], json!([true, true, true, false, false]));
    assert_eq!((asked.entry(), vault.store.tree_head().size), (before, before + 2));

    let (allowed, denied) = (entry(&dpo, before).await, entry(&dpo, before + 1).await);
    yes.sort();
    assert_eq!((&allowed["action"], &allowed["decision"]), (&json!("check-contactable"), &json!("allow")));
    assert_eq!(allowed["subjects"], json!(yes));
    assert_eq!(allowed["grants"].as_array().unwrap().len(), 3);
    assert_eq!((&allowed["fields"], &allowed["purpose"]), (&json!(["contact.email"]), &json!("direct-marketing")));
    assert_eq!(allowed["policies"], json!(["consent-makes-contactable"]));
    assert_eq!((&denied["decision"], &denied["subjects"]), (&json!("deny"), &json!([no])));
    let seen = dpo.get(&format!("/v1/records/policyholder/{no}/accesses")).await.ok().json();
    assert_eq!(seen["accesses"][0]["action"], "check-contactable");
}

#[tokio::test]
async fn many_people_take_several_entries_and_none_too_long() {
    let Setting { vault, sales, .. } = setting().await;
    let people: Vec<Value> = (0..1_000).map(|n| json!({"id": format!("00000000-0000-4000-8000-{n:012}")})).collect();
    let before = vault.store.tree_head().size;
    let answer = answer(&sales, "email", &json!(people)).await;
    assert_eq!(answer, json!(vec![false; 1_000]));
    assert_eq!(vault.store.tree_head().size, before + 4);
}

#[tokio::test]
async fn how_many_entries_there_are_does_not_tell_who_is_known() {
    let Setting { vault, legal, sales, .. } = setting().await;
    let consenting = create(&legal, &json!({"contact": {"family_name": "Petit"}})).await;
    grant(&legal, &consenting, "sales", "direct-marketing", &["contact.email"]).await;
    create(&legal, &anne()).await;
    let nobody = |n: u32| json!({"id": format!("00000000-0000-4000-8000-{n:012}")});
    let beside = [vec![json!({"id": id_of(&consenting)})], (0..250).map(nobody).collect()];
    for beside in beside {
        let mut written = Vec::new();
        for value in ["anne.lefevre@example.fr", "nobody@example.fr"] {
            let mut people = beside.clone();
            people.push(json!({"index": "contact.email", "value": value}));
            let before = vault.store.tree_head().size;
            let answers = answer(&sales, "email", &json!(people)).await;
            assert_eq!(answers.as_array().unwrap().last(), Some(&json!(false)));
            written.push(vault.store.tree_head().size - before);
        }
        assert_eq!(written, [2, 2]);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let Setting { vault, legal, sales, dpo } = setting().await;
    let one = json!([{"id": UNKNOWN}]);
    for (caller, purpose) in
        [(&legal, "direct-marketing"), (&legal, "contract-administration"), (&dpo, "audit"), (&sales, "billing")]
    {
        let mut body = asking("email", &one);
        body["purpose"] = json!(purpose);
        caller.post("/v1/contactable", &body).await.problem(403, "denied");
    }
    let with = |name: &str, value: Value| {
        let mut body = asking("email", &one);
        body[name] = value;
        body
    };
    let too_many: Vec<Value> = vec![json!({"id": UNKNOWN}); 1_001];
    let long = json!([{"index": "contact.email", "value": "x".repeat(201)}]);
    for (body, status, name, said) in [
        (with("people", json!([])), 400, "malformed-request", "1 to 1000"),
        (with("people", json!(too_many)), 400, "malformed-request", "holds 1001"),
        (with("people", json!([{}])), 400, "malformed-request", "people[0]: name either id"),
        (with("people", json!([{"id": UNKNOWN, "value": "x"}])), 400, "malformed-request", "people[0]"),
        (with("people", long), 400, "malformed-request", "more than 200"),
        (with("people", json!([{"id": "7"}])), 400, "malformed-json", "expected"),
        (
            with("people", json!([{"index": "contact.family_name", "value": "x"}])),
            400,
            "unknown-index",
            "contact.email",
        ),
        (with("people", json!([{"index": "health.illnesses", "value": "x"}])), 400, "unknown-index", "contact.email"),
        (with("channel", json!("pigeon")), 400, "malformed-json", "channel"),
        (with("purpose", json!("curiosity")), 400, "unknown-purpose", "direct-marketing"),
        (with("type", json!("supplier")), 404, "unknown-record-type", "policyholder"),
        (with("colour", json!("blue")), 400, "malformed-json", "colour"),
    ] {
        let problem = sales.post("/v1/contactable", &body).await.problem(status, name);
        assert!(name == "malformed-json" || problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    vault.caller().post("/v1/contactable", &asking("email", &one)).await.problem(401, "unauthenticated");
}
