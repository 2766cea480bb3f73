//! Replacing the root key, with and without a server; the server identity from a systemd credential.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::server::Server;
use crate::site::Site;
use crate::transcript;

const KEYS: [&str; 3] = ["keys.json", "root.server.age", "root.recovery.age"];

fn keys(folder: &Path) -> [Vec<u8>; 3] {
    keys_of(&folder.join("vault"))
}

fn keys_of(vault: &Path) -> [Vec<u8>; 3] {
    KEYS.map(|name| fs::read(vault.join(name)).expect("a key file"))
}

#[test]
fn the_root_key_is_replaced_with_and_without_a_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let first = keys(folder.path());
    let server = Server::start(folder.path());
    let rotated = transcript::of(folder.path(), &["key", "rotate", "--vault", "vault"]);
    assert!(rotated.contains("take a new one now") && rotated.ends_with("exit 0\n"), "{rotated}");
    let second = keys(folder.path());
    assert_eq!(server.get("/readyz", "nonsense"), 200, "it is served on");
    server.stop();
    transcript::run(folder.path(), &[], &["key", "rotate", "--vault", "vault"]);
    let third = keys(folder.path());
    for ((a, b), c) in first.iter().zip(&second).zip(&third) {
        assert!(a != b && b != c, "every file is another one");
    }
    // The former root does not open what is wrapped by the new one.
    fs::write(folder.path().join("vault/root.server.age"), &second[1]).expect("it is ours");
    let refused = transcript::of(folder.path(), &["key", "rotate", "--vault", "vault"]);
    assert!(refused.contains("does not open with this root key") && refused.ends_with("exit 12\n"), "{refused}");
    fs::write(folder.path().join("vault/root.server.age"), &third[1]).expect("it is ours");
    let verified = transcript::of(folder.path(), &["audit", "verify", "--vault", "vault"]);
    assert!(verified.ends_with("exit 0\n"), "{verified}");
}

#[test]
fn the_root_key_is_replaced_under_capture_and_bases_of_before_and_after_restore() {
    let site = Site::new();
    let server = site.serve();
    let add = |name: &str| drop(site.succeeds(&["application", "add", name, "--role", "sales", "--vault", "vault"]));
    let restored = |folder: &str, more: &[&str]| {
        let arguments = site.restore("building-b", folder, more);
        site.succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        site.succeeds(&["application", "list", "--vault", folder])
    };
    site.succeeds(&["backup", "run", "--init"]);
    add("before");
    let former = keys(site.path());
    site.succeeds(&["key", "rotate", "--vault", "vault"]);
    add("between");
    // A base backup with the new root is taken by itself, and the next drill passes.
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    site.succeeds(&["drill"]);
    let listed = site.json(0, &["backup", "list", "building-b", "--json"]);
    let points = listed["places"][0]["points"].as_array().expect("a list");
    assert_eq!(points.len(), 2, "{listed:#}");
    // The base before holds the former root, which the same recovery identity opens.
    let first = format!("{}/1", points[0]["generation"].as_str().expect("a generation"));
    let list = restored("of-former", &["--point", &first]);
    assert!(list.contains("before") && list.contains("between"), "{list}");
    add("after");
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    let list = restored("of-new", &[]);
    assert!(["before", "between", "after"].iter().all(|name| list.contains(name)), "{list}");
    assert_eq!(keys_of(&site.path().join("of-new"))[2], keys(site.path())[2]);
    assert_ne!(keys(site.path())[0], former[0]);
    server.stop();
    site.succeeds(&["doctor", "--vault", "vault"]);
}

#[test]
fn the_server_identity_may_be_a_credential_of_systemd() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).expect("a folder");
    let identity = credentials.join("server-identity");
    fs::rename(folder.path().join("vault/server.identity"), &identity).expect("it is there");
    // As systemd leaves it: its group is the service.
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o440)).expect("it is ours");
    let config = folder.path().join("vault/coffre.toml");
    let pinned = fs::read_to_string(&config).expect("it is written");
    fs::write(&config, format!("{pinned}\n[server]\nidentity_credential = \"server-identity\"\n")).expect("it is ours");
    let list = ["application", "list", "--vault", "vault"];
    let told = |environment: &[(&str, &str)]| {
        let output = transcript::run(folder.path(), environment, &list);
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let directory = credentials.to_str().expect("text");
    assert_eq!(told(&[("CREDENTIALS_DIRECTORY", directory)]).0, Some(0));
    let (code, error) = told(&[]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("run under systemd with LoadCredential=, or set `identity`"), "{error}");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o444)).expect("it is ours");
    let (code, error) = told(&[("CREDENTIALS_DIRECTORY", directory)]);
    assert!(code != Some(0) && error.contains("can be read by others"), "{error}");
}

#[test]
fn the_data_are_rotated_with_and_without_a_server_and_every_backup_restores() {
    let site = Site::with_clients(60);
    let status = || site.json(0, &["key", "rotate", "--data", "--status", "--json"]);
    let documents = || {
        let mut names: Vec<String> = crate::site::files(&site.path().join("vault/documents"))
            .iter()
            .map(|path| path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned())
            .collect();
        names.sort();
        names
    };
    let first = documents();
    assert!(!first.is_empty());
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    let before = status();
    assert_eq!((&before["epoch"], &before["rotation"]), (&1.into(), &serde_json::Value::Null));
    let told = site.succeeds(&["key", "rotate", "--data"]);
    assert!(told.starts_with("rotated: the data; 59 records"), "{told}");
    let after = status();
    assert_eq!(after["by_epoch"]["2"], before["by_epoch"]["1"], "{after:#}");
    assert_eq!(after["by_epoch"].as_object().expect("an object").len(), 1);
    assert!(after["rotation"]["finished"].is_string(), "{after:#}");
    assert_eq!(documents(), first.iter().map(|name| format!("{name}.e2")).collect::<Vec<_>>());
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    site.succeeds(&["drill"]);
    let restored = |folder: &str| {
        let arguments = site.restore("building-b", folder, &[]);
        let told = site.succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(told.contains("records"), "{told}");
        site.json(0, &["key", "rotate", "--data", "--status", "--json", "--vault", folder])["by_epoch"].clone()
    };
    assert_eq!(restored("of-second"), after["by_epoch"]);
    server.stop();

    site.succeeds(&["key", "rotate", "--data", "--rate", "1000"]);
    let third = status();
    assert_eq!((&third["epoch"], &third["rotation"]["rate"]), (&3.into(), &1000.into()));
    assert_eq!(third["by_epoch"]["3"], before["by_epoch"]["1"]);
    assert_eq!(documents(), first.iter().map(|name| format!("{name}.e3")).collect::<Vec<_>>());
    // What goes on after it begins with a base backup that holds the new keys.
    let server = site.serve();
    site.succeeds(&["application", "add", "late", "--role", "sales", "--vault", "vault"]);
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    site.succeeds(&["drill"]);
    assert_eq!(restored("of-third"), third["by_epoch"]);
    server.stop();
    site.succeeds(&["doctor", "--vault", "vault"]);
}

#[test]
fn what_does_not_go_with_a_rotation_of_the_data_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let refused = |arguments: &[&str]| transcript::of(folder.path(), &[&["key", "rotate"], arguments].concat());
    for arguments in [
        &["--rate", "5"][..],
        &["--data", "--rate", "0"],
        &["--data", "--rate", "5", "--status"],
        &["--data", "--json"],
        &["--data", "--former-lost"],
        &["--data", "--recovery-recipient", "age1x"],
    ] {
        assert!(refused(arguments).ends_with("exit 2\n"), "{arguments:?}: {}", refused(arguments));
    }
    let told = refused(&["--data", "--status", "--vault", "vault"]);
    assert!(told.contains("epoch 1: the data were never rotated"), "{told}");
}
