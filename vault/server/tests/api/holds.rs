//! Legal holds: placed, listed, lifted; why they stand is content, and goes with the person.

use serde_json::json;

use crate::running::{Running, anne, create, entry};

#[tokio::test]
async fn a_hold_is_placed_listed_and_lifted() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let placed = legal.tell(&format!("{record}/holds?purpose=legal-defence&reason=dispute%20of%20May")).await.ok();
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((placed.status.as_u16(), placed.header("location")), (201, ""), "it is read in the list");
    let logged = entry(&dpo, placed.entry()).await;
    assert_eq!((&logged["action"], &logged["target"]), (&json!("place-hold"), &json!(format!("hold {id}"))));
    assert!(!logged.to_string().contains("dispute"), "a reason stands in the log as a commitment only");
    let listed = dpo.get(&format!("{record}/holds")).await.ok().json();
    assert_eq!(listed["holds"], json!([placed.json()]));
    assert_eq!(listed["holds"][0]["reason"], "dispute of May");

    let lift = format!("/v1/holds/{id}/lift?purpose=legal-defence&reason=settled");
    legal.tell(&lift).await.ok();
    let after = legal.get(&format!("{record}/holds")).await.ok().json()["holds"][0].clone();
    assert!(after["lifted_at"].is_string());
    legal.tell(&lift).await.ok();
    assert_eq!(legal.get(&format!("{record}/holds")).await.ok().json()["holds"][0], after, "lifted once");
}

#[tokio::test]
async fn who_may_not_hold_learns_nothing() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    let placed = legal.tell(&format!("{record}/holds?purpose=legal-defence&reason=x")).await.ok();
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    for hold in [id.as_str(), "00000000-0000-4000-8000-000000000000"] {
        let path = format!("/v1/holds/{hold}/lift?purpose=direct-marketing&reason=x");
        sales.tell(&path).await.problem(403, "denied");
    }
    let nothing = "/v1/holds/00000000-0000-4000-8000-000000000000/lift?purpose=legal-defence&reason=x";
    legal.tell(nothing).await.problem(404, "no-such-hold");
    legal.tell("/v1/holds/none/lift?purpose=legal-defence&reason=x").await.problem(400, "malformed-request");
    legal.tell(&format!("{record}/holds?purpose=billing&reason=x")).await.problem(403, "denied");
    let problem = legal.tell(&format!("{record}/holds?purpose=legal-defence")).await.problem(400, "malformed-request");
    assert_eq!(problem["missing"], json!(["reason"]));
    let nobody = record.rsplit_once('/').unwrap().0.to_owned() + "/00000000-0000-4000-8000-000000000000";
    legal.tell(&format!("{nobody}/holds?purpose=legal-defence&reason=x")).await.problem(404, "not-found");
}
