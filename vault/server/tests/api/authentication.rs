//! Who calls: tokens and operators.

use crate::running::{Running, anne, create};

const READ: &str = "?fields=contact.email&purpose=contract-administration";

#[tokio::test]
async fn without_a_token_in_force_there_is_nothing_but_a_challenge() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&legal, &anne()).await);
    let before = vault.store.tree_head().size;
    let nobody = vault.caller().for_operator("a.martin");
    let unknown = format!("coffre_{}", "A".repeat(43));
    for (caller, challenge) in [
        (nobody.clone(), r#"Bearer realm="coffre""#),
        (nobody.clone().with("authorization", "Basic YTpi"), r#"Bearer realm="coffre", error="invalid_token""#),
        (nobody.clone().with("authorization", "Bearer"), r#"Bearer realm="coffre", error="invalid_token""#),
        (nobody.clone().with_token("x"), r#"Bearer realm="coffre", error="invalid_token""#),
        (nobody.clone().with_token(&unknown), r#"Bearer realm="coffre", error="invalid_token""#),
    ] {
        let refused = caller.get(&path).await;
        refused.problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), challenge);
    }
    assert_eq!(vault.store.tree_head().size, before, "no entry: anybody could fill the log");
    let metrics = vault.caller().get("/metrics").await.text();
    assert!(metrics.contains("coffre_unauthenticated_total 5\n"), "{metrics}");
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_any_more() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&legal, &anne()).await);
    legal.get(&path).await.ok();
    vault.control("control.sock").tell("/v1/applications/cobol/revoke").await.ok();
    legal.get(&path).await.problem(401, "unauthenticated");
    // Its name is free again, and the new application has another token.
    let again = vault.application("cobol", "legal").await;
    again.get(&path).await.ok();
    legal.get(&path).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_operator_is_named_and_well_formed() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&legal, &anne()).await);
    legal.clone().without("coffre-operator").get(&path).await.problem(400, "operator-required");
    for operator in ["", "Anne Martin", "a/b", &"x".repeat(65)] {
        legal.clone().for_operator(operator).get(&path).await.problem(400, "malformed-operator");
    }
}
