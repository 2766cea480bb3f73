//! Restriction of processing: it binds the very next read, and leaves open what article 18(2) does.

use serde_json::json;

use crate::running::{Running, anne, create, entry, grant};

#[tokio::test]
async fn a_restricted_record_is_frozen_for_daily_work() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let (offer, work) = (
        format!("{record}?fields=contact.email&purpose=direct-marketing"),
        format!("{record}?fields=contact.email&purpose=contract-administration"),
    );
    sales.get(&offer).await.ok();
    let on = format!("{record}/restrict?purpose=data-subject-request&ground=a&reason=address%20contested");
    let restricted = legal.tell(&on).await.ok();
    assert_eq!(restricted.json(), json!({"restricted": true, "grounds": ["a"], "changed": true}));
    let logged = entry(&dpo, restricted.entry()).await;
    assert_eq!((&logged["action"], &logged["target"]), (&json!("restrict"), &json!("GDPR article 18(1)(a)")));
    assert_eq!(legal.tell(&on).await.ok().json()["changed"], false);

    let refused = sales.get(&offer).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(refused.json()["cause"], "restricted");
    assert_eq!(legal.get(&work).await.problem(403, "denied")["cause"], "restricted");
    legal.get(&format!("{record}?fields=contact.email&purpose=data-subject-request")).await.ok();
    let amend = format!("{record}?purpose=data-subject-request");
    legal.patch(&amend, 1, &json!({"contact.email": "anne@example.fr"})).await.ok();

    let off = format!("{record}/unrestrict?purpose=data-subject-request&reason=address%20verified");
    assert_eq!(legal.tell(&off).await.ok().json(), json!({"restricted": false, "grounds": [], "changed": true}));
    legal.get(&work).await.ok();
    assert_eq!(sales.get(&offer).await.ok().json()["fields"]["contact.email"], "anne@example.fr");
}

#[tokio::test]
async fn each_ground_ends_by_itself_and_the_person_is_told_of_those_that_stand() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let tell = |act: &str, rest: &str| format!("{record}/{act}?purpose=data-subject-request&reason=x{rest}");
    legal.tell(&tell("restrict", "&ground=c")).await.ok();
    let both = legal.tell(&tell("restrict", "&ground=a")).await.ok().json();
    assert_eq!(both, json!({"restricted": true, "grounds": ["a", "c"], "changed": true}));

    let export = tell("export/access", "");
    assert_eq!(legal.tell(&export).await.ok().json()["restriction_grounds"], json!(["a", "c"]));
    for (language, accuracy, claims) in
        [("fr", "contestez l'exactitude", "droits en justice"), ("en", "contest their accuracy", "legal claims")]
    {
        let page = legal.tell(&format!("{export}&format=html&language={language}")).await.ok().text();
        assert!(page.contains(accuracy) && page.contains(claims), "{page}");
    }

    let one = legal.tell(&tell("unrestrict", "&ground=a")).await.ok();
    assert_eq!(one.json(), json!({"restricted": true, "grounds": ["c"], "changed": true}));
    assert_eq!(entry(&dpo, one.entry()).await["target"], "GDPR article 18(1)(a)");
    let work = format!("{record}?fields=contact.email&purpose=contract-administration");
    assert_eq!(legal.get(&work).await.problem(403, "denied")["cause"], "restricted");
    assert_eq!(legal.tell(&tell("unrestrict", "&ground=a")).await.ok().json()["changed"], false, "it had ended");
    legal.tell(&tell("unrestrict", "&ground=e")).await.problem(400, "malformed-request");
    assert_eq!(legal.tell(&tell("unrestrict", "")).await.ok().json()["restricted"], false);
    legal.get(&work).await.ok();
}

#[tokio::test]
async fn a_restriction_needs_its_ground_and_a_fitting_purpose() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    let restrict = |rest: &str| format!("{record}/restrict?{rest}");
    for wrong in [
        "purpose=data-subject-request&reason=x",
        "purpose=data-subject-request&ground=a",
        "purpose=data-subject-request&ground=e&reason=x",
        "purpose=data-subject-request&ground=a&reason=",
        "purpose=data-subject-request&ground=a&reason=x&until=tomorrow",
    ] {
        legal.tell(&restrict(wrong)).await.problem(400, "malformed-request");
    }
    legal.tell(&restrict("purpose=underwriting&ground=a&reason=x")).await.problem(403, "denied");
    sales.tell(&restrict("purpose=direct-marketing&ground=a&reason=x")).await.problem(403, "denied");
    legal.tell(&restrict("purpose=legal-defence&ground=c&reason=x")).await.ok();
    let subject = record.rsplit_once('/').unwrap().1.parse().unwrap();
    let kind = "policyholder".parse().unwrap();
    assert!(vault.store.snapshot().unwrap().record(&kind, subject).unwrap().unwrap().restricted);
}
