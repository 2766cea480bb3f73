//! Former versions: listed, read, restored.

use serde_json::json;

use crate::running::{Running, anne, create};

#[tokio::test]
async fn a_former_version_is_listed_read_and_restored() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let purpose = "purpose=contract-administration";
    legal.patch(&format!("{record}?{purpose}"), 1, &json!({"contact.email": "new@example.fr"})).await.ok();
    legal.patch(&format!("{record}?{purpose}"), 2, &json!({"health": null})).await.ok();

    let listed = legal.get(&format!("{record}/versions?{purpose}")).await.ok().json();
    let of = |n: usize| (listed["versions"][n]["version"].clone(), listed["versions"][n]["categories"].clone());
    assert_eq!(of(0), (json!(1), json!(["contact", "contract", "health", "lifestyle"])));
    assert_eq!(of(1), (json!(2), json!(["contact"])));
    assert_eq!(of(2), (json!(3), json!(["health"])));

    let former = legal.get(&format!("{record}?fields=contact.email,health.illnesses&{purpose}&version=1")).await.ok();
    assert_eq!(former.header("etag"), "\"1\"");
    assert_eq!(
        former.json()["fields"],
        json!({"contact.email": "anne.lefevre@example.fr", "health.illnesses": ["asthme"]})
    );
    for version in ["0", "4"] {
        legal
            .get(&format!("{record}?fields=contact.email&{purpose}&version={version}"))
            .await
            .problem(404, "no-such-version");
    }

    let restore = format!("{record}/versions/1/restore?{purpose}");
    legal.tell(&restore).await.problem(428, "precondition-required");
    legal.clone().with("if-match", "\"2\"").tell(&restore).await.problem(412, "stale");
    let restored = legal.clone().with("if-match", "\"3\"").tell(&restore).await.ok();
    assert_eq!(restored.json()["version"], 4);
    let now = legal.get(&format!("{record}?fields=contact.email,health.illnesses&{purpose}")).await.ok().json();
    assert_eq!(now["fields"], json!({"contact.email": "anne.lefevre@example.fr", "health.illnesses": ["asthme"]}));
    let missing = format!("{record}/versions/9/restore?{purpose}");
    legal.clone().with("if-match", "\"4\"").tell(&missing).await.problem(404, "no-such-version");
}
