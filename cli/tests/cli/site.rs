//! A vault with everything that belongs to it: a spool, a destination, a repository, a configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;
use crate::transcript;

/// A vault with a destination and a repository, configured but not yet backed up.
pub(crate) struct Site(tempfile::TempDir);

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Self(folder);
        site.succeeds(&["init", "vault", "--environment", "recette"]);
        for name in ["spool", "building-b", "state"] {
            fs::create_dir(site.path().join(name)).expect("a folder");
        }
        fs::write(site.path().join("password"), "correct horse").expect("written");
        fs::set_permissions(site.path().join("password"), fs::Permissions::from_mode(0o600)).expect("ours");
        let pinned = fs::read_to_string(site.path().join("vault/coffre.toml")).expect("init wrote it");
        let section = "vault = \"vault\"\n[backup]\nspool = \"spool\"\nstate = \"state\"\nobjective_hours = 1\n\
                       [[backup.destination]]\nname = \"building-b\"\npath = \"building-b\"\n\
                       [backup.restic]\nrepository = \"repository\"\npassword_file = \"password\"\n";
        fs::write(site.path().join("coffre.toml"), format!("{pinned}{section}")).expect("written");
        fs::remove_file(site.path().join("vault/coffre.toml")).expect("it is there");
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let environment = [("COFFRE_CONFIG", "coffre.toml")];
        // Not before the configuration is there: init takes none.
        let environment = if self.path().join("coffre.toml").exists() { &environment[..] } else { &[] };
        let output = transcript::run(self.path(), environment, arguments);
        let text = |bytes| String::from_utf8(bytes).expect("output is text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{error}");
        out
    }

    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let (found, out, error) = self.run(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {out}{error}");
        serde_json::from_str(&out).expect("one JSON object")
    }

    /// The exit code and the first line on standard error of a verb that fails.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let (code, out, error) = self.run(arguments);
        let first = error.lines().next().unwrap_or_default().to_owned();
        assert_ne!(code, Some(0), "{arguments:?}: {out}");
        (code.expect("it ended by itself"), first)
    }

    pub(crate) fn serve(&self) -> Server {
        // The server finds the configuration as the others do.
        fs::copy(self.path().join("coffre.toml"), self.path().join("vault/coffre.toml")).expect("copied");
        let file = self.path().join("vault/coffre.toml");
        let text = fs::read_to_string(&file).expect("it is there");
        let text = text.replace("vault = \"vault\"", "vault = \".\"");
        let text = text.replace("\"spool\"", "\"../spool\"").replace("\"state\"", "\"../state\"");
        let text = text.replace("= \"building-b\"\n[", "= \"../building-b\"\n[");
        let text =
            text.replace("= \"repository\"", "= \"../repository\"").replace("= \"password\"", "= \"../password\"");
        fs::write(&file, text).expect("written");
        Server::start(self.path())
    }

    pub(crate) fn key(&self) -> String {
        let text = fs::read_to_string(self.path().join("coffre.toml")).expect("it is there");
        let line = text.lines().find(|line| line.starts_with("verification_key")).expect("it is pinned");
        line.split('"').nth(1).expect("a value").to_owned()
    }

    pub(crate) fn restore(&self, from: &str, to: &str, more: &[&str]) -> Vec<String> {
        let key = self.key();
        let identity = "vault.recovery-identity";
        let arguments = ["restore", "--from", from, "--to", to, "--identity", identity, "--vault-key", &key];
        arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    }
}

impl Site {
    /// The same with some hundred clients and their documents in the vault.
    pub(crate) fn with_clients(count: u32) -> Self {
        let site = Self::new();
        site.succeeds(&["demo", "legacy", "--clients", &count.to_string(), "--out", "legacy.sqlite"]);
        site.succeeds(&["import", "--from", "legacy.sqlite", "--mapping", LEGAL, "--allow-rejects"]);
        site
    }

    /// Starts a verb and kills it as soon as something holds. An exit code if it ended before that.
    pub(crate) fn kill_when(&self, arguments: &[&str], mut moment: impl FnMut() -> bool) -> Option<i32> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coffre"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("COFFRE_CONFIG", "coffre.toml")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the built binary runs");
        loop {
            if moment() {
                child.kill().expect("it is ours");
                // It may have ended in the same moment.
                return child.wait().expect("it ends").code();
            }
            if let Some(ended) = child.try_wait().expect("it is ours") {
                return ended.code();
            }
            std::thread::yield_now();
        }
    }

    /// Puts a folder of the site on another disk.
    pub(crate) fn move_to(&self, name: &str, disk: &Path) {
        fs::remove_dir(self.path().join(name)).ok();
        std::os::unix::fs::symlink(disk, self.path().join(name)).expect("a link");
    }
}

/// The mapping of the demonstration's legacy database.
pub(crate) const LEGAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/mappings/legal-cobol.toml");

/// No files.
pub(crate) const NONE: [PathBuf; 0] = [];

/// All files below a folder, by their paths in it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(crate) fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
