//! `coffre init` makes a vault once, tells what to keep, and `coffre doctor` examines what was made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::transcript;

fn init(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let all: Vec<&str> =
        ["init", "vault", "--environment", "recette", "--json"].iter().chain(arguments).copied().collect();
    let output = transcript::run(folder, &[], &all);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

fn doctor(folder: &Path) -> (Option<i32>, Value) {
    let output = transcript::run(folder, &[], &["doctor", "--vault", "vault", "--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("one JSON object"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_new_vault_is_private_pinned_and_healthy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, made) = init(folder.path(), &[]);
    assert_eq!(code, Some(0));

    let identity = folder.path().join("vault.recovery-identity");
    assert_eq!(made["recovery_identity_file"], identity.to_str().expect("text"));
    assert_eq!(mode(&identity), 0o600);
    assert_eq!(mode(&folder.path().join("vault")), 0o700);

    let pinned = fs::read_to_string(folder.path().join("vault/coffre.toml")).expect("it is written");
    for fact in ["environment", "vault_id", "verification_key"] {
        assert!(pinned.contains(made[fact].as_str().expect("text")), "{fact} is not in {pinned}");
    }
    let (code, report) = doctor(folder.path());
    assert_eq!((code, &report["healthy"]), (Some(0), &Value::Bool(true)), "{report:#}");
}

#[test]
fn a_named_recipient_leaves_no_identity_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, first) = init(folder.path(), &[]);
    let recipient = first["recovery_recipient"].as_str().expect("text");
    let other = tempfile::tempdir().expect("a temporary folder");
    let (code, second) = init(other.path(), &["--recovery-recipient", recipient]);
    assert_eq!(code, Some(0));
    assert_eq!((&second["recovery_recipient"], &second["recovery_identity_file"]), (&recipient.into(), &Value::Null));
    assert_eq!(fs::read_dir(other.path()).expect("readable").count(), 1, "the vault and nothing else");
}

#[test]
fn an_identity_of_a_bare_name_is_written_where_it_is_said_and_over_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("id.tmp"), "somebody's").expect("a file");
    let (code, made) = init(folder.path(), &["--recovery-identity", "id.txt"]);
    assert_eq!(code, Some(0), "{made:#}");
    let identity = folder.path().join("id.txt");
    assert_eq!(made["recovery_identity_file"], identity.to_str().expect("text"));
    assert_eq!(mode(&identity), 0o600);
    assert_eq!(fs::read_to_string(folder.path().join("id.tmp")).expect("it is there"), "somebody's");
}

#[test]
fn a_vault_whose_making_was_cut_short_is_told_with_what_to_remove() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    init(folder.path(), &[]);
    // What makes it a vault comes last.
    fs::remove_file(folder.path().join("vault/keys.json")).expect("it is there");
    let again = transcript::of(folder.path(), &["init", "vault", "--environment", "recette"]);
    assert!(again.contains("whose making was cut short") && again.contains("\nhelp: remove that directory"), "{again}");
    assert!(again.ends_with("exit 2\n"), "{again}");
    assert!(folder.path().join("vault/server.identity").exists(), "it is not removed by itself");
}

#[test]
fn a_vault_is_never_made_over_anything() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    init(folder.path(), &[]);
    let before = fs::read(folder.path().join("vault/keys.json")).expect("it is there");
    let again = transcript::of(folder.path(), &["init", "vault", "--environment", "recette"]);
    assert!(again.contains("is not empty\nhelp: choose an empty or new directory"), "{again}");
    assert!(again.ends_with("exit 2\n"), "{again}");
    assert_eq!(fs::read(folder.path().join("vault/keys.json")).expect("it is there"), before);
}

#[test]
fn what_to_pin_elsewhere_is_told_where_it_stands() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let told = String::from_utf8(made.stdout).expect("text");
    let pinned = folder.path().join("vault/coffre.toml");
    let last = format!("To pin it elsewhere: the three lines in {}.\n", pinned.display());
    assert!(told.ends_with(&last), "{told}");
    let text = fs::read_to_string(pinned).expect("it is written");
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 3, "{text}");
}

#[test]
fn a_directory_open_to_others_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vault = folder.path().join("vault");
    fs::create_dir(&vault).expect("a folder");
    fs::set_permissions(&vault, fs::Permissions::from_mode(0o750)).expect("it is ours");
    let refused = transcript::of(folder.path(), &["init", "vault", "--environment", "recette"]);
    assert!(refused.contains("can be read by others\nhelp: run `chmod 700 "), "{refused}");
    assert_eq!(fs::read_dir(&vault).expect("readable").count(), 0, "nothing is left behind");
}

#[test]
fn the_doctor_finds_what_is_open_to_others_and_what_is_of_another_vault() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, made) = init(folder.path(), &[]);
    let vault = folder.path().join("vault");
    fs::set_permissions(vault.join("vault.db"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    let pinned = fs::read_to_string(vault.join("coffre.toml")).expect("it is there");
    let id = made["vault_id"].as_str().expect("text");
    let other = pinned.replace(&format!("vault_id = \"{id}\""), "vault_id = \"0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11\"");
    fs::write(vault.join("coffre.toml"), other).expect("it is ours");

    let (code, report) = doctor(folder.path());
    assert_eq!(code, Some(16));
    let bad: Vec<_> = report["findings"].as_array().expect("a list").iter().filter(|f| f["state"] == "bad").collect();
    let subjects: Vec<_> = bad.iter().map(|finding| finding["subject"].as_str().expect("text")).collect();
    assert_eq!(subjects, ["vault.db", "keys"], "{report:#}");
    assert!(bad.iter().all(|finding| finding["remedy"].is_string()), "{report:#}");
}
