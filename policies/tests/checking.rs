//! Decision folders that are wrong are refused, those that differ are told apart, and a policy that
//! no case exercises is found.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use coffre_policies::{CheckReport, Policies, check};
use tempfile::TempDir;

const QUESTION: &str = "role = \"dpo\"\naction = \"read-audit\"\n";

fn folder(question: &str, expected: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("a-case");
    fs::create_dir(&case).unwrap();
    fs::write(case.join("question.toml"), question).unwrap();
    fs::write(case.join("expected.toml"), expected).unwrap();
    folder
}

fn report(question: &str, expected: &str) -> CheckReport {
    check(&Policies::embedded().unwrap(), folder(question, expected).path()).unwrap()
}

fn refusal(folder: &TempDir) -> String {
    let error = check(&Policies::embedded().unwrap(), folder.path()).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_difference_says_what_was_expected_and_what_was_found() {
    let report = report(QUESTION, "allowed = false\ndenied = \"role-not-allowed\"\n");
    assert!(!report.passed());
    let differences: Vec<String> = report.cases.first().unwrap().differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        differences,
        ["- allowed = false", "+ allowed = true", "- denied = role-not-allowed", "+ policy dpo-consults-the-log"]
    );
}

#[test]
fn a_policy_that_no_case_exercises_is_found() {
    let report = report(QUESTION, "allowed = true\npolicies = [\"dpo-consults-the-log\"]\n");
    assert!(report.cases.first().unwrap().differences.is_empty());
    assert!(!report.unexercised.contains(&"dpo-consults-the-log".to_owned()));
    assert!(report.unexercised.contains(&"sales-never-health".to_owned()));
    assert!(!report.passed());
}

#[test]
fn malformed_cases_are_refused_with_their_place() {
    let folders = [
        folder("role = \"dpo\"\naction = \"raed-audit\"\n", "allowed = true\n"),
        folder("role = \"dpo\"\naction = \"read-audit\"\ntime = 3\n", "allowed = true\n"),
        folder(QUESTION, "allowed = true\nwithheld = { \"contact.email\" = \"bad luck\" }\n"),
        folder(QUESTION, "policies = []\n"),
        tempfile::tempdir().unwrap(),
    ];
    fs::create_dir(folders[4].path().join("empty-case")).unwrap();
    let none = tempfile::tempdir().unwrap();
    let mut texts: Vec<String> = folders.iter().map(refusal).collect();
    texts.push(refusal(&none));
    let messages = texts.join("\n");
    insta::assert_snapshot!(messages);
}
