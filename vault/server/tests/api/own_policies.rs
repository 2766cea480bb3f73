//! Policies of one's own, which ask for more than the built-in ones.

use serde_json::json;

use crate::approvals::with;
use crate::running::{Running, anne, create, grant};

/// Without a look at the record and its grants nothing is open there, and it is what is open that is checked.
#[tokio::test]
async fn what_a_grant_alone_lets_be_proposed_is_checked_all_the_same() {
    let everybody = "Role::\"billing\"] };";
    let with_a_grant = "Role::\"billing\"] && context has grant };";
    let policies = with("cedar/requests.cedar", |text| text.replacen(everybody, with_a_grant, 1));
    let vault = Running::start_under(policies, |_| {}).await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    let id = record.rsplit_once('/').unwrap().1;
    let proposed = |email: &str| {
        json!({
            "type": "policyholder", "id": id, "kind": "change", "channel": "phone",
            "purpose": "direct-marketing", "changes": {"contact.email": email},
        })
    };
    sales.post("/v1/requests", &proposed("nowhere")).await.problem(422, "invalid-values");
    sales.post("/v1/requests", &proposed("anne@example.fr")).await.ok();
}
