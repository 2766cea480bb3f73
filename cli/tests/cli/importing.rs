//! `coffre import` from the command line: what is brought, what is rejected, what is refused before it begins.

use std::fs;
use std::path::Path;

use coffre_store::plain::{PlainWriter, SourceValue};
use serde_json::Value;

use crate::server::Server;
use crate::transcript;

const MAPPING: &str = r#"
name = "small"
record-type = "policyholder"
encoding = "utf-8"
[subject]
table = "CLIENT"
key = "ID"
key-field = "legacy.client_number"
[subject.fields]
"contact.family_name" = { column = "NAME" }
"contact.email" = { column = "EMAIL" }
"#;

/// A folder with a vault, a mapping, and a legacy database of these clients.
fn legacy(clients: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    fs::write(folder.path().join("mapping.toml"), MAPPING).expect("written");
    write(&folder.path().join("legacy.sqlite"), clients);
    folder
}

fn write(path: &Path, clients: &[(&str, &str, &str)]) {
    let writer =
        PlainWriter::create(path, "CREATE TABLE CLIENT (ID TEXT, NAME TEXT, EMAIL TEXT);").expect("a database");
    for (id, name, email) in clients {
        let row = [id, name, email].map(|text| SourceValue::Text(text.as_bytes().to_vec()));
        writer.insert("CLIENT", &row).expect("inserted");
    }
    writer.finish().expect("whole");
}

const IMPORT: [&str; 7] = ["import", "--vault", "vault", "--from", "legacy.sqlite", "--mapping", "mapping.toml"];

fn import(folder: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let all: Vec<&str> = IMPORT.iter().chain(&["--json"]).chain(more).copied().collect();
    let output = transcript::run(folder, &[], &all);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

const CLIENTS: &[(&str, &str, &str)] =
    &[("1", "Lefèvre", "anne@example.org"), ("2", "Martin", "paul@example.org"), ("3", "Durand", "not an address")];

#[test]
fn a_mapping_that_cannot_be_is_wrong_configuration_and_nothing_is_begun() {
    let folder = legacy(CLIENTS);
    fs::write(folder.path().join("mapping.toml"), MAPPING.replace("contact.email", "contact.emial")).expect("written");
    let output = transcript::run(folder.path(), &[], &IMPORT);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("has no field \"contact.emial\""), "{error}");
}

#[test]
fn rows_are_brought_once_and_rejects_have_an_exit_code_of_their_own() {
    let folder = legacy(CLIENTS);
    let (code, report) = import(folder.path(), &["--rejects", "first.age"]);
    assert_eq!(code, Some(10), "{report:#}");
    assert_eq!((&report["imported"], &report["rejected"]), (&2.into(), &1.into()));
    assert_eq!(report["source"], report["vault"], "both sides have one fingerprint");
    let rejects = fs::read(folder.path().join("first.age")).expect("there are rejects");
    assert!(rejects.starts_with(b"age-encryption.org/v1\n"), "rejects are encrypted");

    let server = Server::start(folder.path());
    let (code, report) = import(folder.path(), &["--rejects", "second.age", "--allow-rejects"]);
    server.stop();
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!((&report["imported"], &report["unchanged"]), (&0.into(), &2.into()));
}

#[test]
fn a_dry_run_brings_nothing() {
    let folder = legacy(&CLIENTS[..2]);
    let (code, report) = import(folder.path(), &["--dry-run"]);
    assert_eq!((code, &report["imported"], &report["vault"]), (Some(0), &2.into(), &Value::Null));
    let (code, report) = import(folder.path(), &[]);
    assert_eq!((code, &report["imported"]), (Some(0), &2.into()), "nothing was there yet");
    assert_eq!(report["reject_file"], Value::Null);
}

#[test]
fn changes_are_reported_and_taken_over_when_asked() {
    let folder = legacy(&CLIENTS[..2]);
    import(folder.path(), &[]);
    fs::remove_file(folder.path().join("legacy.sqlite")).expect("it is there");
    write(&folder.path().join("legacy.sqlite"), &[CLIENTS[0], ("2", "Martin", "new@example.org")]);
    let (code, report) = import(folder.path(), &["--rejects", "pending.age"]);
    assert_eq!((code, &report["changes_pending"], &report["changed"]), (Some(0), &1.into(), &0.into()));
    let (code, report) = import(folder.path(), &["--apply-changes"]);
    assert_eq!((code, &report["changes_pending"], &report["changed"]), (Some(0), &0.into(), &1.into()));
}

#[test]
fn the_summary_is_in_the_operators_language() {
    let folder = legacy(CLIENTS);
    let all: Vec<&str> = IMPORT.iter().chain(&["--rejects", "rejects.age"]).copied().collect();
    let french = transcript::speaking(folder.path(), "fr_FR.UTF-8", &all);
    let root = folder.path().to_str().expect("text");
    insta::assert_snapshot!(french.replace(root, "FOLDER"));
}

#[test]
fn what_cannot_be_imported_is_named_and_nothing_is_begun() {
    let folder = legacy(&CLIENTS[..1]);
    fs::write(folder.path().join("dump.sql"), "-- MySQL dump 10.13\nCREATE TABLE x (id int);\n").expect("written");
    fs::write(folder.path().join("wrong.toml"), MAPPING.replace("EMAIL", "MAIL")).expect("written");
    fs::write(folder.path().join("taken.age"), "precious").expect("written");
    let import = |from: &str, mapping: &str, rejects: &str| {
        let arguments = ["import", "--vault", "vault", "--from", from, "--mapping", mapping, "--rejects", rejects];
        transcript::of(folder.path(), &arguments).replace(folder.path().to_str().expect("text"), "FOLDER")
    };
    insta::assert_snapshot!(
        [
            import("dump.sql", "mapping.toml", "a.age"),
            import("absent.sqlite", "mapping.toml", "b.age"),
            import("legacy.sqlite", "absent.toml", "c.age"),
            import("legacy.sqlite", "wrong.toml", "d.age"),
            import("legacy.sqlite", "mapping.toml", "taken.age"),
        ]
        .join("\n")
    );
    assert_eq!(fs::read_to_string(folder.path().join("taken.age")).expect("left alone"), "precious");
}
