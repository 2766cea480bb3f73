//! The whole way of a backup from the command line: taken from a vault that is served, copied, verified, lost, restored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::server::Server;
use crate::transcript;
use serde_json::Value;

/// A vault with a destination and a repository, configured but not yet backed up.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Self(folder);
        site.succeeds(&["init", "vault", "--environment", "recette"]);
        for name in ["spool", "building-b"] {
            fs::create_dir(site.path().join(name)).expect("a folder");
        }
        fs::write(site.path().join("password"), "correct horse").expect("written");
        fs::set_permissions(site.path().join("password"), fs::Permissions::from_mode(0o600)).expect("ours");
        let pinned = fs::read_to_string(site.path().join("vault/coffre.toml")).expect("init wrote it");
        let section = "vault = \"vault\"\n[backup]\nspool = \"spool\"\nobjective_hours = 1\n\
                       [[backup.destination]]\nname = \"building-b\"\npath = \"building-b\"\n\
                       [backup.restic]\nrepository = \"repository\"\npassword_file = \"password\"\n";
        fs::write(site.path().join("coffre.toml"), format!("{pinned}{section}")).expect("written");
        fs::remove_file(site.path().join("vault/coffre.toml")).expect("it is there");
        site
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let environment = [("COFFRE_CONFIG", "coffre.toml")];
        // Not before the configuration is there: init takes none.
        let environment = if self.path().join("coffre.toml").exists() { &environment[..] } else { &[] };
        let output = transcript::run(self.path(), environment, arguments);
        let text = |bytes| String::from_utf8(bytes).expect("output is text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{error}");
        out
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let (found, out, error) = self.run(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {out}{error}");
        serde_json::from_str(&out).expect("one JSON object")
    }

    /// The exit code and the first line on standard error of a verb that fails.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let (code, out, error) = self.run(arguments);
        let first = error.lines().next().unwrap_or_default().to_owned();
        assert_ne!(code, Some(0), "{arguments:?}: {out}");
        (code.expect("it ended by itself"), first)
    }

    fn serve(&self) -> Server {
        // The server finds the configuration as the others do.
        fs::copy(self.path().join("coffre.toml"), self.path().join("vault/coffre.toml")).expect("copied");
        let file = self.path().join("vault/coffre.toml");
        let text = fs::read_to_string(&file).expect("it is there");
        let text = text.replace("vault = \"vault\"", "vault = \".\"");
        let text = text.replace("\"spool\"", "\"../spool\"").replace("= \"building-b\"\n[", "= \"../building-b\"\n[");
        fs::write(&file, text).expect("written");
        Server::start(self.path())
    }

    fn key(&self) -> String {
        let text = fs::read_to_string(self.path().join("coffre.toml")).expect("it is there");
        let line = text.lines().find(|line| line.starts_with("verification_key")).expect("it is pinned");
        line.split('"').nth(1).expect("a value").to_owned()
    }

    fn restore(&self, from: &str, to: &str, more: &[&str]) -> Vec<String> {
        let key = self.key();
        let identity = "vault.recovery-identity";
        let arguments = ["restore", "--from", from, "--to", to, "--identity", identity, "--vault-key", &key];
        arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    }
}

fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Some base backup of `vault.db` below a folder.
fn base_of_the_vault(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().find(|_| folder.ends_with("vault"));
    here.or_else(|| folders.iter().find_map(|folder| base_of_the_vault(folder)))
}

#[test]
fn a_vault_is_backed_up_lost_and_restored_from_either_place() {
    let site = Site::new();
    site.json(11, &["backup", "status", "--json"]);
    let server = site.serve();
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    let first = site.json(0, &["backup", "run", "--init", "--json"]);
    assert_eq!((&first["base"], &first["served"]), (&Value::from(1), &Value::Bool(true)), "{first:#}");
    site.json(0, &["backup", "status", "--json"]);
    let verified = site.json(0, &["backup", "verify", "--json"]);
    let sound: Vec<_> = verified["places"].as_array().expect("a list").iter().map(|place| &place["sound"]).collect();
    assert_eq!(sound, [true, true, true], "{verified:#}");
    server.stop();
    let log = site.json(0, &["audit", "verify", "--json"]);
    fs::remove_dir_all(site.path().join("vault")).expect("it is lost");

    let (from_copy, from_repository) = (
        site.restore("building-b", "again", &["--json"]),
        site.restore("repository", "once-more", &["--keyring", "building-b", "--json"]),
    );
    for (arguments, vault) in [(from_copy, "again"), (from_repository, "once-more")] {
        let restored = site.json(0, &strs(&arguments));
        assert_eq!(restored["entries"], log["entries"], "{restored:#}");
        let applications = site.json(0, &["application", "list", "--vault", vault, "--json"]);
        assert_eq!(applications["applications"][0]["name"], "desk");
        let verified = site.json(0, &["audit", "verify", "--vault", vault, "--json"]);
        assert_eq!(verified["sound"], true);
        assert!(site.path().join(vault).join("coffre.toml").exists(), "what was restored is pinned again");
    }
    let left: Vec<_> = fs::read_dir(site.path()).expect("readable").map(|e| e.expect("readable").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "fetched files are left over: {left:?}");
}

#[test]
fn without_a_server_what_is_captured_is_copied_and_its_age_is_told() {
    let site = Site::new();
    let (code, _) = site.fails(&["backup", "run"]);
    assert_eq!(code, 1, "nothing was ever captured");
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    let report = site.json(0, &["backup", "run", "--json"]);
    assert_eq!((&report["base"], &report["served"]), (&Value::Null, &Value::Bool(false)));
}

#[test]
fn one_changed_byte_on_a_destination_is_named_and_never_restored() {
    let site = Site::new();
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    let object = base_of_the_vault(&site.path().join("building-b")).expect("there is one");
    let mut bytes = fs::read(&object).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&object, fs::Permissions::from_mode(0o640)).expect("ours");
    fs::write(&object, bytes).expect("written");

    let report = site.json(12, &["backup", "verify", "building-b", "--json"]);
    let fault = report["places"][0]["faults"][0].as_str().expect("a fault").to_owned();
    let name = object.file_name().expect("a name").to_str().expect("text");
    assert!(fault.contains(name), "{fault} does not name {name}");
    site.json(0, &["backup", "verify", "spool", "restic", "--json"]);
    let (code, cause) = site.fails(&strs(&site.restore("building-b", "again", &[])));
    assert_eq!(code, 12, "{cause}");
    assert!(!site.path().join("again/server.identity").exists(), "what is damaged does not open");
}

#[test]
fn a_target_that_fails_keeps_no_other_from_its_backup() {
    let site = Site::new();
    let server = site.serve();
    let targets = |report: &Value| -> Vec<bool> {
        report["targets"].as_array().expect("a list").iter().map(|target| target["done"] == true).collect()
    };
    let missing = site.json(14, &["backup", "run", "--restic", "/nowhere/restic", "--json"]);
    assert_eq!(targets(&missing), [true, false], "{missing:#}");
    let absent = site.json(75, &["backup", "run", "--json"]);
    assert_eq!(targets(&absent), [true, false], "{absent:#}");
    site.succeeds(&["backup", "run", "--init"]);
    fs::write(site.path().join("password"), "wrong").expect("written");
    let wrong = site.json(15, &["backup", "run", "--json"]);
    assert_eq!(targets(&wrong), [true, false], "{wrong:#}");
    server.stop();
}

#[test]
fn a_restore_needs_the_right_identity_the_right_key_and_an_empty_directory() {
    let site = Site::new();
    let server = site.serve();
    site.run(&["backup", "run"]);
    server.stop();
    let other = Site::new();
    let restore = |identity: &Path, key: &str, to: &str| {
        let identity = identity.to_str().expect("text");
        site.fails(&["restore", "--from", "building-b", "--to", to, "--identity", identity, "--vault-key", key])
    };
    let (ours, theirs) = (site.path().join("vault.recovery-identity"), other.path().join("vault.recovery-identity"));
    let found = [
        restore(&theirs, &site.key(), "a"),
        restore(&ours, &other.key(), "b"),
        restore(&ours, &site.key(), "spool"),
        restore(&ours, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "c"),
        restore(&site.path().join("nowhere"), &site.key(), "d"),
        site.fails(&strs(&site.restore("vault", "e", &[]))),
        site.fails(&strs(&site.restore("sftp:host:/x", "e", &[]))),
    ];
    let codes = found.clone().map(|(code, _)| code);
    assert_eq!(codes, [15, 1, 2, 2, 2, 2, 2], "{found:#?}");
}
