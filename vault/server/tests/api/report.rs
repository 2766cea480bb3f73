//! Reports over the log: what a breach concerned, what nobody uses, and who may ask.

use coffre_core::audit::report::Report;
use serde_json::json;

use crate::running::{Caller, Running, anne, create, entry, grant};

async fn report(caller: &Caller, query: &str) -> Report {
    serde_json::from_slice(&caller.get(&format!("/v1/audit/report{query}")).await.ok().body).unwrap()
}

#[tokio::test]
async fn what_an_operator_saw_is_told_by_person_category_purpose_and_basis() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await.for_operator("b.petit"),
        vault.application("dpo", "dpo").await,
    );
    vault.application("forgotten", "billing").await;
    let seen = create(&legal, &anne()).await;
    let unseen = create(&legal, &json!({"contact.family_name": "Autre"})).await;
    grant(&legal, &seen, "sales", "direct-marketing", &["contact.email"]).await;
    grant(&legal, &unseen, "sales", "direct-marketing", &["contact.email"]).await;
    for _ in 0..2 {
        sales.get(&format!("{seen}?fields=contact.email&purpose=direct-marketing")).await.ok();
    }
    for _ in 0..11 {
        sales.get(&format!("{seen}?fields=health.illnesses&purpose=direct-marketing")).await.problem(403, "denied");
    }
    let told = report(&dpo, "?operator=b.petit").await;
    assert_eq!((told.entries, told.disclosures, told.persons.count), (13, 2, 1));
    assert!(seen.ends_with(&told.persons.ids[0].to_string()));
    assert_eq!(told.categories.keys().collect::<Vec<_>>(), ["policyholder/contact"]);
    assert_eq!(told.bases["consent"].disclosures, 2);
    assert_eq!(told.purposes["direct-marketing"].persons, 1);
    assert_eq!((told.refusals.count, told.refusals.causes["never-for-role"]), (11, 11));
    assert_eq!(told.refusals.bursts[0].count, 11);
    assert_eq!(told.unused.applications, ["forgotten"]);
    assert_eq!((told.unused.grant_count, told.unused.grants.len()), (1, 1));
    assert_eq!(told.log_size, vault.store.tree_head().size, "its own entry included");

    let person = seen.rsplit('/').next().unwrap();
    let of_person = report(&dpo, &format!("?subject={person}&application=crm&limit=1")).await;
    assert_eq!(of_person.applications.keys().collect::<Vec<_>>(), ["crm"]);
    let legal_reads = legal.get(&format!("{seen}?fields=health.illnesses&purpose=claims-handling")).await.ok();
    let by_role = report(&dpo, "?application=cobol").await;
    assert_eq!(by_role.bases["contract"].disclosures, 1, "without a grant, the basis of the purpose");
    let time = entry(&dpo, legal_reads.entry()).await["time"].as_str().unwrap().to_owned();
    assert_eq!(report(&dpo, &format!("?to={time}&application=cobol")).await.disclosures, 0);
    assert_eq!(report(&dpo, &format!("?from={time}&application=cobol")).await.disclosures, 1);
}

#[tokio::test]
async fn a_report_is_an_entry_and_for_the_dpo_alone() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    let asked = dpo.get("/v1/audit/report?application=crm&reason=yearly%20review").await.ok();
    let logged = entry(&dpo, asked.entry()).await;
    assert_eq!((&logged["action"], &logged["target"]), (&json!("report-audit"), &json!("crm")));
    let of_both = dpo.get("/v1/audit/report?application=crm&operator=b.petit").await.ok();
    assert_eq!(entry(&dpo, of_both.entry()).await["target"], "crm, b.petit");
    for role in ["legal", "sales", "billing", "customer-service", "backup"] {
        vault.application(role, role).await.get("/v1/audit/report").await.problem(403, "denied");
    }
    let nobody = dpo.clone().without("coffre-operator");
    nobody.get("/v1/audit/report").await.problem(400, "operator-required");
    let local = vault.control("control.sock").get("/v1/audit/report?operator=a.martin").await.ok();
    assert_eq!(entry(&dpo, local.entry()).await["operator_known"], "local-account");
    assert_eq!(serde_json::from_slice::<Report>(&local.body).unwrap().scope.operator.as_deref(), Some("a.martin"));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_and_leaves_nothing() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    let before = vault.store.tree_head().size;
    for query in [
        "from=yesterday",
        "to=2026-11-22",
        "from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z",
        "subject=42",
        "operator=",
        "limit=0",
        "limit=10001",
        "person=x",
    ] {
        dpo.get(&format!("/v1/audit/report?{query}")).await.problem(400, "malformed-request");
        vault.control("control.sock").get(&format!("/v1/audit/report?{query}")).await.problem(400, "malformed-request");
    }
    assert_eq!(vault.store.tree_head().size, before);
}
