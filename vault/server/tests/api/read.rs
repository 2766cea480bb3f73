//! Reading a record: what is opened, what is withheld, and the entry that tells it.

use serde_json::json;

use crate::running::{Running, anne, create, entry, grant};

#[tokio::test]
async fn legal_reads_what_it_asks_for() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let read = legal
        .get(&format!("{record}?fields=contact.email,health.illnesses,lifestyle.alcohol&purpose=contract-administration&reason=called%20back"))
        .await
        .ok();
    assert_eq!(read.header("etag"), "\"1\"");
    assert_eq!(read.header("cache-control"), "no-store");
    let body = read.json();
    assert_eq!(body["fields"], json!({"contact.email": "anne.lefevre@example.fr", "health.illnesses": ["asthme"]}));
    assert_eq!(body["withheld"], json!({}), "a field without a value is open, and absent");
    assert_eq!(body["type"], "policyholder");

    let logged = entry(&dpo, read.entry()).await;
    assert_eq!(logged["action"], "read");
    assert_eq!(logged["decision"], "allow");
    assert_eq!(logged["operator"], "a.martin");
    assert_eq!(logged["operator_known"], "asserted");
    assert_eq!(logged["application_name"], "cobol");
    assert_eq!(logged["request"], read.header("coffre-request"));
    assert_eq!(logged["fields"], json!(["contact.email", "health.illnesses", "lifestyle.alcohol"]));
    assert_eq!(logged["policies"], json!(["legal-handles-content"]));
    assert!(logged["reason"].is_string() && logged["reason"] != "called back", "a commitment, not the text");
}

#[tokio::test]
async fn what_no_grant_opens_is_withheld_whether_it_is_filled_or_not() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email", "contact.availability"]).await;
    let fields = "contact.email,contact.availability,contact.phone,lifestyle.alcohol,health.illnesses";
    let read = sales.get(&format!("{record}?fields={fields}&purpose=direct-marketing")).await.ok().json();
    assert_eq!(read["fields"], json!({"contact.email": "anne.lefevre@example.fr"}));
    assert_eq!(
        read["withheld"],
        json!({"contact.phone": "not-in-grant", "lifestyle.alcohol": "not-in-grant", "health.illnesses": "never-for-role"})
    );
}

#[tokio::test]
async fn several_grants_open_together_what_one_alone_does_not() {
    let vault = Running::start().await;
    let (legal, sales, dpo) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("dpo", "dpo").await,
    );
    let record = create(&legal, &anne()).await;
    let first = grant(&legal, &record, "sales", "direct-marketing", &["contact.email", "contact.family_name"]).await;
    let second = grant(&legal, &record, "sales", "direct-marketing", &["contact.phone"]).await;
    let read = sales
        .get(&format!("{record}?fields=contact.email,contact.family_name,contact.phone&purpose=direct-marketing"))
        .await
        .ok();
    assert_eq!(read.json()["fields"].as_object().unwrap().len(), 3);
    let logged = entry(&dpo, read.entry()).await;
    let grants: Vec<&str> = logged["grants"].as_array().unwrap().iter().map(|g| g["id"].as_str().unwrap()).collect();
    assert_eq!(grants, [first, second]);
}

#[tokio::test]
async fn a_grant_opens_only_within_its_validity() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    let until = vault.store.now().plus_seconds(3600);
    let terms = json!({
        "role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent", "valid_until": until,
    });
    legal.post(&format!("{record}/grants"), &terms).await.ok();
    let path = format!("{record}?fields=contact.email&purpose=direct-marketing");
    sales.get(&path).await.ok();
    vault.clock.pass_seconds(3601);
    sales.get(&path).await.problem(404, "not-found");
}
