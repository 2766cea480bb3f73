//! A vault that is served, and the verbs of its own user, with and without the server.

use std::fs;
use std::path::Path;

use crate::server::Server;
use crate::transcript;
use serde_json::Value;

fn new_vault() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    coffre(folder.path(), &["init", "vault", "--environment", "recette"]);
    folder
}

/// Runs a verb that must succeed, and gives what it printed.
fn coffre(folder: &Path, arguments: &[&str]) -> String {
    let output = transcript::run(folder, &[], arguments);
    assert_eq!(output.status.code(), Some(0), "{}", transcript::of(folder, arguments));
    String::from_utf8(output.stdout).expect("output is text")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&coffre(folder, arguments)).expect("one JSON object")
}

fn add(folder: &Path, name: &str, role: &str) -> String {
    let added = json(folder, &["application", "add", name, "--role", role, "--vault", "vault", "--json"]);
    added["token"].as_str().expect("a token").to_owned()
}

fn names(folder: &Path) -> Vec<(String, bool)> {
    let listed = json(folder, &["application", "list", "--vault", "vault", "--json"]);
    let application = |a: &Value| (a["name"].as_str().expect("a name").to_owned(), a["revoked_at"].is_null());
    listed["applications"].as_array().expect("a list").iter().map(application).collect()
}

#[test]
fn applications_are_kept_with_and_without_a_server_alike() {
    let folder = new_vault();
    let before = add(folder.path(), "crm", "sales");
    let server = Server::start(folder.path());
    let during = add(folder.path(), "desk", "legal");
    assert_eq!(server.get("/v1/audit/tree-head", "nonsense"), 401);
    for token in [&before, &during] {
        assert_ne!(server.get("/v1/audit/tree-head", token), 401, "the token is known");
    }
    coffre(folder.path(), &["application", "revoke", "crm", "--vault", "vault"]);
    assert_eq!(server.get("/v1/audit/tree-head", &before), 401, "a revoked token is that of nobody");

    let expected = [("crm".to_owned(), false), ("desk".to_owned(), true)];
    assert_eq!(names(folder.path()), expected);
    server.stop();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn what_is_wrong_with_an_application_is_said_by_the_vault() {
    let folder = new_vault();
    add(folder.path(), "crm", "sales");
    insta::assert_snapshot!(
        [
            transcript::of(folder.path(), &["application", "add", "crm", "--role", "sales", "--vault", "vault"]),
            transcript::of(folder.path(), &["application", "add", "C R M", "--role", "sales", "--vault", "vault"]),
            transcript::of(folder.path(), &["application", "revoke", "erp", "--vault", "vault"]),
            transcript::of(folder.path(), &["application", "revoke", "../crm", "--vault", "vault"]),
        ]
        .join("\n")
    );
}

#[test]
fn the_log_is_verified_in_the_vault_and_as_an_exported_copy() {
    let folder = new_vault();
    let token = add(folder.path(), "desk", "legal");
    let server = Server::start(folder.path());
    server.get(
        "/v1/records/policyholder/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11?fields=contact.email&purpose=audit",
        &token,
    );
    let exported = json(folder.path(), &["audit", "export", "--vault", "vault", "--to", "copy", "--json"]);
    server.stop();

    let copy = json(folder.path(), &["audit", "verify", "--copy", "copy", "--config", "vault/coffre.toml", "--json"]);
    assert_eq!((&copy["sound"], &copy["root"]), (&Value::Bool(true), &exported["root"]));
    let vault = json(folder.path(), &["audit", "verify", "--vault", "vault", "--json"]);
    assert_eq!((&vault["sound"], &vault["entries"]), (&Value::Bool(true), &exported["size"]));

    let again = transcript::of(folder.path(), &["audit", "export", "--vault", "vault", "--to", "copy"]);
    assert!(again.contains("is not empty") && again.ends_with("exit 1\n"), "{again}");
}

#[test]
fn a_server_ends_when_told_and_its_log_is_json_without_secrets() {
    let folder = new_vault();
    let server = Server::start(folder.path());
    let token = add(folder.path(), "desk", "legal");
    server.get("/v1/audit/tree-head", &token);
    let run = folder.path().join("vault/run");
    assert!(run.join("control.sock").exists() && run.join("backup.sock").exists());

    let ended = server.stop();
    assert_eq!(ended.code, Some(0));
    assert_eq!(fs::read_dir(run).expect("readable").count(), 0, "the sockets go with the server");
    assert!(!ended.log.contains(&token), "the token is in the log");
    let lines: Vec<Value> = ended.log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().any(|line| line["fields"]["message"] == "stopped"), "{}", ended.log);
}

#[test]
fn a_vault_is_served_once_on_loopback_and_by_its_own_configuration() {
    let folder = new_vault();
    let refusal = |more: &[&str]| {
        let all: Vec<&str> = ["serve", "--vault", "vault"].iter().chain(more).copied().collect();
        let text = transcript::of(folder.path(), &all);
        text.lines().last().expect("an exit code").to_owned()
    };
    let server = Server::start(folder.path());
    assert_eq!(refusal(&["--listen", "127.0.0.1:0"]), "exit 13", "another process has it open");
    server.stop();
    assert_eq!(refusal(&["--listen", "0.0.0.0:0"]), "exit 2", "nothing goes beyond loopback without TLS");
    for level in ["lo=ud", "debgu"] {
        assert_eq!(refusal(&["--log", level]), "exit 2", "it would log nothing");
    }

    let other = new_vault();
    let config = other.path().join("vault/coffre.toml");
    assert_eq!(refusal(&["--config", config.to_str().expect("text")]), "exit 15", "another vault's configuration");
}

#[test]
fn the_doctor_asks_the_server_how_it_does() {
    let folder = new_vault();
    let server_line = || {
        let report = json(folder.path(), &["doctor", "--vault", "vault", "--json"]);
        let findings = report["findings"].as_array().expect("a list").clone();
        findings.iter().find(|f| f["subject"] == "server").expect("it is examined")["detail"].to_string()
    };
    assert!(server_line().contains("none answers"));
    let server = Server::start(folder.path());
    assert!(server_line().contains("serves"));
    server.stop();
}
