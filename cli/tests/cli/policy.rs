//! `coffre policy` on the policies of this repository and on broken ones.

use std::path::Path;

use crate::transcript;

/// The policy folder of this repository.
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");

const SALES: &[&str] = &["policy", "explain", "--role", "sales", "--action", "read", "--type", "policyholder"];

fn explain(locale: &str, case: &[&str]) -> String {
    let all: Vec<&str> = SALES.iter().chain(case).copied().collect();
    let text = transcript::speaking(Path::new("/"), locale, &all);
    // The hash changes with every policy; the decision is what this test is about.
    text.lines()
        .filter(|line| !line.starts_with("policy set") && !line.starts_with("jeu de"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn an_explanation_names_the_policies_in_the_language_of_the_reader() {
    let health = ["--fields", "health.illnesses", "--purpose", "direct-marketing"];
    let granted = ["--fields", "contact.email", "--purpose", "direct-marketing", "--grant", "contact.email"];
    insta::assert_snapshot!(
        [explain("C", &health), explain("fr_FR.UTF-8", &health), explain("C", &granted)].join("\n\n")
    );
}

#[test]
fn the_folder_of_this_repository_passes_its_own_cases() {
    let output = transcript::run(Path::new("/"), &[], &["policy", "check", POLICIES, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["decisions"]["failed"], serde_json::json!([]));
    assert!(report["decisions"]["run"].as_u64().is_some_and(|run| run > 0), "{report}");
}

#[test]
fn a_folder_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    insta::assert_snapshot!(transcript::of(folder.path(), &["policy", "check", "."]));
}
