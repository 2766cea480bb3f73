//! Refusals: said openly where that gives nothing away, hidden otherwise, logged before they are
//! answered in either case.

use serde_json::{Value, json};

use crate::running::{Answer, Running, anne, create, entry, grant};

const UNKNOWN: &str = "/v1/records/policyholder/00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn sales_asks_for_health_and_learns_which_policy_refused() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let refused = sales.get(&format!("{record}?fields=health.illnesses&purpose=direct-marketing")).await;
    let problem = refused.problem(403, "denied");
    assert_eq!(problem["cause"], "never-for-role");
    assert!(problem["denied_by"].as_array().unwrap().contains(&json!("sales-never-health")), "{problem}");
    assert_eq!(problem["withheld"], json!({"health.illnesses": "never-for-role"}));
    assert_eq!(problem["audit_entry"], refused.entry());

    let logged = entry(&dpo, refused.entry()).await;
    assert_eq!(logged["decision"], "deny");
    assert_eq!(logged["cause"], "never-for-role");
    assert_eq!(logged["withheld"], json!(["health.illnesses"]));
    assert_eq!(logged["fields"], Value::Null, "nothing was opened");
    // What is refused whatever the record is refused alike for one that does not exist.
    sales.get(&format!("{UNKNOWN}?fields=health.illnesses&purpose=direct-marketing")).await.problem(403, "denied");
}

/// The answer without what differs between any two requests.
fn comparable(answer: &Answer) -> (u16, Vec<String>, Value) {
    let mut problem = answer.problem(404, "not-found");
    for member in ["instance", "audit_entry"] {
        problem.as_object_mut().unwrap().remove(member).unwrap();
    }
    let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    (answer.status.as_u16(), headers, problem)
}

#[tokio::test]
async fn an_unknown_and_an_unreadable_record_look_the_same() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let query = "fields=contact.email&purpose=direct-marketing";
    let unreadable = sales.get(&format!("{record}?{query}")).await;
    let unknown = sales.get(&format!("{UNKNOWN}?{query}")).await;
    assert_eq!(comparable(&unreadable), comparable(&unknown));
    assert_eq!(entry(&dpo, unreadable.entry()).await["cause"], "no-grant");
    assert_eq!(entry(&dpo, unknown.entry()).await["cause"], "no-such-record");
    let other_type = record.replace("policyholder", "merchant");
    let of_another_type = sales.get(&format!("{other_type}?{query}")).await;
    assert_eq!(comparable(&of_another_type), comparable(&unknown));
    for path in [&record, UNKNOWN] {
        sales.get(&format!("{path}/documents?purpose=direct-marketing")).await.problem(404, "not-found");
    }
    // Whoever asks may also look at what is counted.
    let metrics = vault.caller().get("/metrics").await.text();
    for counted in [r#"action="read",cause="hidden"} 3"#, r#"action="list-documents",cause="hidden"} 2"#] {
        assert!(metrics.contains(&format!("coffre_denials_total{{role=\"sales\",{counted}\n")), "{counted}: {metrics}");
    }
    assert!(!metrics.contains("no-grant") && !metrics.contains("no-such-record"), "{metrics}");
}

#[tokio::test]
async fn an_open_refusal_does_not_tell_an_unreadable_record_that_is_restricted_from_an_unknown_one() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    legal.tell(&format!("{record}/restrict?purpose=data-subject-request&ground=a&reason=contested")).await.ok();
    let told = async |path: &str| {
        let read = sales.get(&format!("{path}?fields=health.illnesses&purpose=direct-marketing")).await;
        let amend = format!("{path}?purpose=direct-marketing");
        let amended = sales.patch(&amend, 1, &json!({"contact.email": "x@y.fr"})).await;
        [read, amended].map(|refused| {
            let problem = refused.problem(403, "denied");
            ["cause", "denied_by", "withheld"].map(|member| problem[member].clone())
        })
    };
    assert_eq!(told(record.as_str()).await, told(UNKNOWN).await);
}

#[tokio::test]
async fn every_role_is_kept_to_its_own() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let (dpo, backup) = (vault.application("dpo", "dpo").await, vault.application("backup", "backup").await);
    let sales = vault.application("crm", "sales").await;
    let record = create(&legal, &anne()).await;
    let read = format!("{record}?fields=contact.email&purpose=audit");
    dpo.get(&read).await.problem(403, "denied");
    backup.get(&read).await.problem(403, "denied");
    legal.get(&read).await.problem(403, "denied");
    for path in ["/v1/audit/entries", &format!("{record}/accesses")] {
        dpo.get(path).await.ok();
        for other in [&legal, &sales, &backup] {
            other.get(path).await.problem(403, "denied");
        }
    }
    sales.get("/v1/audit/tree-head").await.problem(403, "denied");
    sales.get(&format!("{record}/grants")).await.problem(403, "denied");
    let terms =
        json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent"});
    sales.post(&format!("{record}/grants"), &terms).await.problem(403, "denied");
    sales.tell("/v1/grants/00000000-0000-4000-8000-000000000000/withdraw").await.problem(403, "denied");
    legal.tell("/v1/grants/00000000-0000-4000-8000-000000000000/withdraw").await.problem(404, "no-such-grant");
    sales.post("/v1/records/policyholder?purpose=direct-marketing", &anne()).await.problem(403, "denied");
    sales
        .patch(&format!("{record}?purpose=direct-marketing"), 1, &json!({"contact.email": "x@y.fr"}))
        .await
        .problem(403, "denied");
    backup.without("coffre-operator").get("/v1/audit/tree-head").await.ok();
}
