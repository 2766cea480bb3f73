//! Former versions: listed, read, restored.

use serde_json::json;

use crate::running::{Answer, Caller, Running, anne, create, entry};

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

/// Asks for a version to be restored, over the current one.
async fn restore(caller: &Caller, record: &str, version: u32, current: u32, purpose: &str) -> Answer {
    let caller = caller.clone().with("if-match", &format!("\"{current}\""));
    caller.tell(&format!("{record}/versions/{version}/restore?purpose={purpose}")).await
}

#[tokio::test]
async fn illnesses_that_differ_are_restored_by_whoever_is_habilitated() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let newcomer = legal.clone().for_operator("n.dubois");
    let record = create(&legal, &anne()).await;
    let purpose = "contract-administration";
    let change = format!("{record}?purpose={purpose}");
    legal.patch(&change, 1, &json!({"health.illnesses": ["diabète"]})).await.ok();
    newcomer.patch(&change, 2, &json!({"contact.email": "new@example.fr"})).await.ok();
    newcomer.patch(&change, 3, &json!({"health.illnesses": ["asthme"]})).await.problem(403, "denied");

    let refused = restore(&newcomer, &record, 1, 3, purpose).await;
    let problem = refused.problem(403, "denied");
    assert_eq!(problem["cause"], "no-habilitation");
    assert_eq!(problem["withheld"], json!({"health.illnesses": "no-habilitation"}));
    let told = entry(&dpo, refused.entry()).await;
    assert_eq!((&told["action"], &told["decision"]), (&json!("restore-version"), &json!("deny")));
    let read = format!("{record}?fields=contact.email,health.illnesses&purpose={purpose}");
    let now = legal.get(&read).await.ok();
    assert_eq!(now.header("etag"), "\"3\"", "nothing was written");
    assert_eq!(now.json()["fields"], json!({"contact.email": "new@example.fr", "health.illnesses": ["diabète"]}));

    let contact = restore(&newcomer, &record, 2, 3, purpose).await.ok();
    assert_eq!(contact.json()["version"], 4, "nothing but contact details differed");
    let told = entry(&dpo, contact.entry()).await;
    assert_eq!((&told["fields"], &told["habilitations"]), (&json!(["contact.email"]), &json!(null)), "{told}");
    restore(&newcomer, &record, 4, 4, purpose).await.ok();
    restore(&newcomer, &record, 9, 4, purpose).await.problem(404, "no-such-version");
    restore(&newcomer, &record, 1, 4, purpose).await.problem(403, "denied");
    assert_eq!(restore(&legal, &record, 1, 4, purpose).await.ok().json()["version"], 5);
    assert_eq!(legal.get(&read).await.ok().json()["fields"]["health.illnesses"], json!(["asthme"]));
}

/// Not even whether there is a record, or what has changed in it.
#[tokio::test]
async fn whoever_may_restore_nothing_learns_nothing() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let (ill, moved) = (create(&legal, &anne()).await, create(&legal, &anne()).await);
    let change = |record: &str| format!("{record}?purpose=contract-administration");
    legal.patch(&change(&ill), 1, &json!({"health": null})).await.ok();
    legal.patch(&change(&moved), 1, &json!({"contact.phone": null})).await.ok();
    let nobody = "/v1/records/policyholder/00000000-0000-4000-8000-000000000000";
    let mut told = Vec::new();
    for (record, version) in [(ill.as_str(), 1), (moved.as_str(), 1), (moved.as_str(), 2), (nobody, 1)] {
        let problem = restore(&sales, record, version, 2, "direct-marketing").await.problem(403, "denied");
        told.push((problem["cause"].clone(), problem["denied_by"].clone(), problem["withheld"].clone()));
    }
    assert!(told.iter().all(|of_one| *of_one == told[0]), "{told:?}");
    restore(&legal, nobody, 1, 2, "contract-administration").await.problem(404, "not-found");
}
