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
    let output = transcript::run(Path::new("/"), &[], &["policy", "test", POLICIES, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["failed"], serde_json::json!([]));
    assert!(report["run"].as_u64().is_some_and(|run| run > 0), "{report}");
    let checked = transcript::run(Path::new("/"), &[], &["policy", "check", POLICIES]);
    assert_eq!(checked.status.code(), Some(0));
}

/// The policy folder of this repository with one file changed.
pub(crate) fn changed(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for part in ["cedar", "record-types", "environments"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
        for entry in std::fs::read_dir(Path::new(POLICIES).join(part)).expect("a folder") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), folder.path().join(part).join(entry.file_name())).expect("a copy");
        }
    }
    for name in ["purposes.toml", "retention.toml"] {
        std::fs::copy(Path::new(POLICIES).join(name), folder.path().join(name)).expect("a copy");
    }
    let file = folder.path().join(file);
    let text = std::fs::read_to_string(&file).expect("a text");
    assert!(text.contains(from));
    std::fs::write(&file, text.replace(from, to)).expect("a file");
    folder
}

#[test]
fn a_failed_case_shows_what_was_expected_and_what_was_decided() {
    let folder = changed("purposes.toml", "roles = [\"dpo\"]", "roles = [\"dpo\", \"backup\"]");
    let case = folder.path().join("cases").join("sales-reads-an-address");
    std::fs::create_dir_all(&case).expect("a folder");
    let question = "# A case.\nrole = \"sales\"\naction = \"read\"\nrecord-type = \"policyholder\"\n\
                    fields = [\"contact.email\"]\npurpose = \"direct-marketing\"\n";
    std::fs::write(case.join("question.toml"), question).expect("a file");
    std::fs::write(case.join("expected.toml"), "allowed = true\nopened = [\"contact.email\"]\n").expect("a file");
    let told = transcript::of(folder.path(), &["policy", "test", ".", "--decisions", "cases"]);
    // Every policy but none is exercised by a single case; which there are is not what this is about.
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("UNUSED")).collect();
    let without = transcript::of(folder.path(), &["policy", "test"]);
    let nothing = transcript::of(folder.path(), &["policy", "test", ".", "--decisions", "cedar"]);
    insta::assert_snapshot!([told.join("\n"), without, nothing].join("\n\n"));
}

#[test]
fn a_difference_is_told_in_words_and_ends_with_its_own_code() {
    let folder = changed(
        "cedar/oversight.cedar",
        "principal in Role::\"dpo\",\n    action in Action::\"manage-habilitations\"",
        "principal in Role::\"legal\",\n    action in Action::\"manage-habilitations\"",
    );
    let run = |locale: &str, arguments: &[&str]| transcript::speaking(folder.path(), locale, arguments);
    insta::assert_snapshot!(
        [
            run("C", &["policy", "diff", "embedded", "."]),
            run("fr_FR.UTF-8", &["policy", "diff", ".", "embedded"]),
            run("C", &["policy", "diff", "embedded", "embedded"]),
            run("C", &["policy", "diff", "embedded", "cedar"]),
        ]
        .join("\n")
    );
}

/// An earlier version took policies that are refused by now, and whoever corrects them sees what changes.
#[test]
fn former_policies_are_compared_with_also_where_they_could_not_go_into_force_any_more() {
    let former = changed("retention.toml", "archive = \"P10Y\"", "archive = \"P4Y\"");
    let code = |arguments: &[&str]| transcript::run(former.path(), &[], arguments).status.code();
    assert_eq!(code(&["policy", "check", "."]), Some(2));
    assert_eq!(code(&["policy", "diff", ".", "embedded"]), Some(17));
    assert_eq!(code(&["policy", "diff", "embedded", "."]), Some(2));
}

#[test]
fn the_matrix_is_shown_in_every_form() {
    let shown = |form: &[&str]| {
        let all: Vec<&str> = ["policy", "matrix"].iter().chain(form).copied().collect();
        let output = transcript::run(Path::new("/"), &[("LANG", "C")], &all);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("text")
    };
    for (form, begins) in
        [(&[][..], "merchant (merchant)"), (&["--markdown"], "# Who may read what"), (&["--html"], "<!DOCTYPE html>")]
    {
        assert!(shown(form).starts_with(begins));
    }
    let json: serde_json::Value = serde_json::from_str(&shown(&["--json"])).expect("one JSON object");
    assert_eq!(json["record_types"][1]["record_type"], "policyholder");
    let two = transcript::run(Path::new("/"), &[], &["policy", "matrix", "--json", "--html"]);
    assert_eq!(two.status.code(), Some(2));
}

#[test]
fn a_folder_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    insta::assert_snapshot!(transcript::of(folder.path(), &["policy", "check", "."]));
}
