//! For whoever watches the service: alive, ready, metrics; and the vault's refusals when its disk fails.

use serde_json::json;

use crate::running::{Running, anne, create, grant};

#[tokio::test]
async fn metrics_count_and_name_nobody() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("crm", "sales").await);
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    sales.get(&format!("{record}?fields=contact.email&purpose=direct-marketing&reason=dossier%20Lefevre")).await.ok();
    sales.get(&format!("{record}?fields=health.illnesses&purpose=direct-marketing")).await.problem(403, "denied");
    sales.get("/v1/patients/Lefevre").await.problem(404, "no-such-route");
    let metrics = vault.caller().get("/metrics").await.ok();
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text();
    for line in [
        "coffre_ready 1",
        "coffre_records 1",
        r#"coffre_requests_total{route="/v1/records/{type}/{id}",method="GET",status="200",role="sales"} 1"#,
        r#"coffre_requests_total{route="/v1/records/{type}/{id}",method="GET",status="403",role="sales"} 1"#,
        r#"coffre_requests_total{route="",method="GET",status="404",role="none"} 1"#,
        r#"coffre_denials_total{role="sales",action="read",cause="never-for-role"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
    }
    let id = record.rsplit('/').next().unwrap();
    for personal in [id, "Lefevre", "lefevre", "Anne", "a.martin", "dossier", "patients", "coffre_A"] {
        assert!(!text.contains(personal), "{personal} is in the metrics");
    }
}

#[tokio::test]
async fn a_vault_whose_files_were_removed_refuses_and_says_why() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    assert_eq!(vault.caller().get("/readyz").await.ok().json(), json!({"status": "ready"}));
    std::fs::remove_file(vault.vault().join("audit.db-wal")).unwrap();
    let refused = legal.get(&format!("{record}?fields=contact.email&purpose=billing")).await;
    let problem = refused.problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    assert!(problem["detail"].as_str().unwrap().contains("audit.db"), "{problem}");
    vault.caller().get("/readyz").await.problem(503, "unavailable");
    vault.caller().get("/healthz").await.ok();
    assert!(vault.caller().get("/metrics").await.text().contains("coffre_ready 0\n"));
    assert!(vault.control("control.sock").get("/v1/status").await.ok().json()["trouble"].is_string());
}
