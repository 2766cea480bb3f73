//! `coffre retention`: what a job and an operator see of it.

use serde_json::{Value, json};

use crate::transcript;

#[test]
fn a_new_vault_has_nothing_past_its_time_and_the_look_is_logged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let said = |arguments: &[&str]| {
        let output = transcript::run(path, &[], arguments);
        assert_eq!(output.status.code(), Some(0), "{}", transcript::of(path, arguments));
        String::from_utf8(output.stdout).expect("output is text")
    };
    said(&["init", "vault", "--environment", "recette"]);
    assert_eq!(said(&["retention", "plan", "--vault", "vault"]), "0 records: nothing to do\n");
    let mut plan: Value =
        serde_json::from_str(&said(&["retention", "plan", "--vault", "vault", "--json"])).expect("one JSON object");
    let log = json!({"keep": "P12M", "past": 0, "prune": 0, "minimum_index": 0});
    let requests = plan.as_object_mut().and_then(|plan| plan.remove("requests")).expect("answered requests");
    assert_eq!((&requests["keep"], &requests["past"]), (&json!("P6Y"), &json!(0)));
    assert_eq!(plan, json!({"records": 0, "counts": {}, "steps": [], "log": log}));
    let run = said(&["retention", "run", "--vault", "vault"]);
    assert_eq!(run, "0 records: 0 erased; categories: 0 set apart, 0 brought back, 0 removed\n");
    let report: Value =
        serde_json::from_str(&said(&["audit", "report", "--vault", "vault", "--json"])).expect("one JSON object");
    assert!(report["actions"].to_string().contains("plan-retention"), "{report}");
    let refused = transcript::of(path, &["retention", "plan", "--vault", "elsewhere"]);
    assert!(!refused.ends_with("exit 0\n"), "{refused}");
}
