//! The data protection officer's verbs: reports, proofs, heads, and what they say when something is wrong.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use coffre_core::tlog::TreeHead;
use serde_json::Value;

use crate::server::Server;
use crate::transcript;

fn new_vault() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    coffre(folder.path(), &["init", "vault", "--environment", "recette"]);
    folder
}

fn coffre(folder: &Path, arguments: &[&str]) -> String {
    let output = transcript::run(folder, &[], arguments);
    assert_eq!(output.status.code(), Some(0), "{}", transcript::of(folder, arguments));
    String::from_utf8(output.stdout).expect("output is text")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&coffre(folder, arguments)).expect("one JSON object")
}

fn key(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("vault/coffre.toml")).expect("it is there");
    let line = text.lines().find(|line| line.starts_with("verification_key")).expect("it is pinned");
    line.split('"').nth(1).expect("a value").to_owned()
}

#[test]
fn an_entry_is_handed_out_with_its_proof_and_verified_without_the_vault() {
    let folder = new_vault();
    let path = folder.path();
    coffre(path, &["application", "add", "desk", "--role", "legal", "--vault", "vault"]);
    fs::create_dir(path.join("out")).expect("a folder");
    let said = coffre(path, &["audit", "proof", "1", "--into", "out", "--vault", "vault"]);
    assert!(
        said.starts_with("Verify it anywhere: coffre audit verify --proof out/1.tlog-proof --entry out/1.json"),
        "{said}"
    );
    let key = key(path);
    fs::remove_dir_all(path.join("vault")).expect("it is gone");

    let arguments = ["audit", "verify", "--proof", "out/1.tlog-proof", "--entry", "out/1.json", "--vault-key", &key];
    let verified = coffre(path, &arguments);
    assert!(verified.starts_with("sound    entry 1 of "), "{verified}");
    let as_json = json(path, &[&arguments[..], &["--json"]].concat());
    assert_eq!((&as_json["sound"], &as_json["index"]), (&Value::Bool(true), &Value::from(1)));

    let entry = fs::read_to_string(path.join("out/1.json")).expect("it is there");
    fs::write(path.join("out/1.json"), entry.replace("desk", "dusk")).expect("it is ours");
    let refused = transcript::of(path, &arguments);
    assert!(refused.contains("the entry is not entry 1 of this log") && refused.ends_with("exit 12\n"), "{refused}");
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let refused = transcript::of(path, &[&arguments[..7], &[other]].concat());
    assert!(refused.ends_with("exit 15\n"), "{refused}");
}

#[test]
fn a_log_that_grew_is_proven_from_a_head_that_was_kept() {
    let folder = new_vault();
    let path = folder.path();
    coffre(path, &["audit", "head", "--out", "kept", "--vault", "vault"]);
    coffre(path, &["application", "add", "desk", "--role", "legal", "--vault", "vault"]);
    let kept = fs::read(path.join("kept")).expect("it is there");
    let kept = TreeHead::open(&kept, &key(path).parse().expect("a key"), None).expect("a head");
    let size = kept.size.to_string();
    let grown = json(path, &["audit", "proof", "--from", &size, "--vault", "vault", "--json"]);
    assert_eq!((&grown["from"], &grown["old_root"]), (&Value::from(kept.size), &Value::from(kept.root.to_string())));
    assert!(grown["to"].as_u64() > Some(kept.size));
    let lines = coffre(path, &["audit", "proof", "--from", &size, "--to", &size, "--vault", "vault"]);
    assert_eq!(lines.lines().count(), 2, "a log is a continuation of itself: {lines}");
}

#[test]
fn a_report_tells_in_two_languages_and_in_json() {
    let folder = new_vault();
    let path = folder.path();
    coffre(path, &["application", "add", "desk", "--role", "legal", "--vault", "vault"]);
    let arguments = ["audit", "report", "--vault", "vault", "--from", "2020-01-01"];
    let english = transcript::speaking(path, "en_GB.UTF-8", &arguments);
    let french = transcript::speaking(path, "fr_FR.UTF-8", &arguments);
    assert!(english.contains("RIGHTS THAT NOBODY USED\n  applications: desk\n"), "{english}");
    assert!(french.contains("DROITS QUE PERSONNE N'A UTILISÉS\n  applications : desk\n"), "{french}");
    let report = json(path, &[&arguments[..], &["--json", "--limit", "1"]].concat());
    assert_eq!(report["actions"]["add-application"], 1, "{report:#}");
    assert_eq!(report["actions"]["report-audit"], 3, "each report is an entry, this one included: {report:#}");
}

#[test]
fn what_cannot_be_asked_is_told_with_its_remedy() {
    let folder = new_vault();
    let path = folder.path();
    let of = |arguments: &[&str]| transcript::of(path, &[arguments, &["--vault", "vault"]].concat());
    insta::assert_snapshot!(
        [
            of(&["audit", "proof", "1000"]),
            of(&["audit", "proof", "--from", "1000"]),
            of(&["audit", "proof", "--from", "1", "--to", "0"]),
            of(&["audit", "report", "--from", "2026-11-02", "--to", "2026-11-01"]),
            of(&["audit", "head", "--out", "vault/coffre.toml"]),
            of(&[
                "audit",
                "verify",
                "--vault-key",
                "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
            ]),
        ]
        .join("\n")
    );
    for arguments in [
        &["audit", "proof"][..],
        &["audit", "report", "--from", "yesterday"],
        &["audit", "report", "--subject", "42"],
        &["audit", "report", "--limit", "0"],
    ] {
        assert!(of(arguments).ends_with("exit 2\n"), "{arguments:?}");
    }
}

#[test]
fn the_head_of_the_day_is_handed_over() {
    let folder = new_vault();
    let (path, vault) = (folder.path(), folder.path().join("vault"));
    let configuration = fs::read_to_string(vault.join("coffre.toml")).expect("it is there");
    let section = "[audit.daily_head]\nfile = \"../head\"\ncommand = [\"/bin/sh\", \"-c\", \"cat > ../letter.tmp && mv ../letter.tmp ../letter\"]\n";
    let section = section.replace("../letter", &path.join("letter").display().to_string());
    fs::write(vault.join("coffre.toml"), format!("{configuration}{section}")).expect("it is ours");
    let server = Server::start(path);
    let deadline = Instant::now() + Duration::from_mins(1);
    // The file comes last.
    while !path.join("head").exists() {
        assert!(Instant::now() < deadline, "no head was written: {}", server.stop().log);
        std::thread::sleep(Duration::from_millis(20));
    }
    server.stop();
    let note = fs::read_to_string(path.join("head")).expect("it is there");
    TreeHead::open(note.as_bytes(), &key(path).parse().expect("a key"), None).expect("it is signed by the vault");
    let letter = fs::read_to_string(path.join("letter")).expect("it is there");
    assert!(letter.contains(&note) && letter.contains("Conservez ce message") && letter.contains("Keep this message"));
}
