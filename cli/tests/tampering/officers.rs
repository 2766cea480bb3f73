//! A vault with officers: its policies as two of them signed them first, the ones they signed then, which are in force, and
//! what waits for being handed in.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::evenings::{self, Evenings, Way, files};
use crate::server::{Ended, Server};
use crate::signing;
use crate::transcript;

/// The policy folder of this repository, of which a vault reads these.
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");
const READ: [&str; 5] = ["cedar", "environments", "record-types", "purposes.toml", "retention.toml"];

/// The officers, and somebody who is to become one.
const OFFICERS: [(&str, &str); 3] = [("legal", "a.martin"), ("dpo", "b.durand"), ("legal", "c.petit")];
const NEWCOMER: (&str, &str) = ("dpo", "d.roux");

/// A folder with a vault, its policies, the officers' keys and what they signed.
pub(crate) struct Office {
    folder: tempfile::TempDir,
    /// The policies approved first, and those in force.
    pub(crate) policies: Evenings,
    lines: [String; 3],
    dpo: String,
}

/// A copy of it, to be tried out.
pub(crate) struct OfficeCopy {
    folder: tempfile::TempDir,
    dpo: String,
}

/// The policies of this repository, in another edition: every file is another one, and some say something else.
fn edition(folder: &Path, number: usize) {
    let policies = folder.join("policies");
    evenings::copy(Path::new(POLICIES), &policies, &|path| {
        let is_read = READ.iter().any(|name| path.starts_with(Path::new(POLICIES).join(name)));
        if is_read { Way::Copied } else { Way::LeftOut }
    });
    if number == 1 {
        return;
    }
    for file in files(&policies) {
        let mark = if file.extension().is_some_and(|kind| kind == "toml") { "#" } else { "//" };
        let text = fs::read_to_string(&file).expect("a text");
        fs::write(&file, format!("{text}\n{mark} Edition {number}.\n")).expect("written");
    }
    let replace = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(policies.join(file)).expect("a text");
        assert!(text.contains(from), "{file}: {from}");
        fs::write(policies.join(file), text.replace(from, to)).expect("written");
    };
    replace("retention.toml", "active = \"P3Y\"", &format!("active = \"P{}Y\"", 4 - number));
    let may = |role: &str| format!("principal in Role::\"{role}\",\n    action in Action::\"manage-habilitations\"");
    replace("cedar/oversight.cedar", &may("dpo"), &may("legal"));
}

fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = transcript::run(folder, &[], arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("output is text")
}

/// Makes somebody's key, and gives the line that it is known by.
fn key(folder: &Path, (role, name): (&str, &str)) -> String {
    let file = format!("{name}.key");
    let line = says(folder, &["officer", "keygen", "--role", role, "--name", name, "--out", &file, "--no-passphrase"]);
    line.trim().to_owned()
}

/// A vault of theirs, which goes by the folder `policies` beside it.
fn vault(folder: &Path, environment: &str, officers: &[String]) {
    let mut arguments = vec!["init", "vault", "--environment", environment];
    for line in officers {
        arguments.extend(["--officer", line]);
    }
    says(folder, &arguments);
    let file = folder.join("vault/coffre.toml");
    let pinned = fs::read_to_string(&file).expect("init wrote it");
    fs::write(file, format!("{pinned}\npolicies = \"../policies\"\n[server]\nreserve_mb = 0\n")).expect("ours");
}

/// Has some of them sign what a verb writes down.
fn signed(folder: &Path, what: &[&str], note: &str, by: &[&str]) {
    let keys: Vec<_> = by.iter().map(|name| format!("{name}.key")).collect();
    let first = ["--vault", "vault", "--out", note, "--key", &keys[0], "--yes"];
    says(folder, &[&["approve"][..], what, &first].concat());
    for key in &keys[1..] {
        says(folder, &["approve", "sign", note, "--key", key, "--yes"]);
    }
}

/// Has some of them sign a statement that these policies replace those.
fn signed_policies(folder: &Path, number: usize, [new, old]: [&str; 2], note: &str, by: &[&str]) {
    let statement = signing::statement(folder, number, &folder.join(new), &folder.join(old));
    fs::write(folder.join(note), signing::sign(folder, &statement, by)).expect("written");
}

fn submit(folder: &Path, note: &str) {
    says(folder, &["approve", "submit", note, "--vault", "vault"]);
}

/// An application, which officers have yet to approve.
fn application(folder: &Path, role: &str) -> String {
    let added = says(folder, &["application", "add", role, "--role", role, "--vault", "vault", "--json"]);
    let added: Value = serde_json::from_str(&added).expect("one JSON object");
    added["token"].as_str().expect("a token").to_owned()
}

const BOTH: [&str; 2] = ["a.martin", "b.durand"];
const ALL: [&str; 3] = ["a.martin", "b.durand", "c.petit"];

impl Office {
    pub(crate) fn new() -> Self {
        let temporary = || tempfile::tempdir().expect("a temporary folder");
        let (folder, policies) = (temporary(), Evenings { before: temporary(), after: temporary() });
        let path = folder.path();
        let lines = OFFICERS.map(|officer| key(path, officer));
        let newcomer = key(path, NEWCOMER);
        vault(path, "recette", &lines);
        edition(policies.before.path(), 1);
        edition(policies.after.path(), 2);
        edition(path, 1);
        // These are the ones that are built in: there is nothing to compare.
        signed(path, &["policies"], "first.note", &BOTH);
        submit(path, "first.note");
        Server::start(path).stop();

        fs::rename(path.join("policies"), path.join("former")).expect("moved");
        edition(path, 2);
        signed_policies(path, 2, ["policies", "former"], "second.note", &BOTH);
        submit(path, "second.note");
        let server = Server::start(path);
        let dpo = application(path, "dpo");
        signed(path, &["application", "dpo"], "dpo.note", &BOTH);
        submit(path, "dpo.note");
        application(path, "legal");
        edition(&path.join("next"), 3);
        for (note, by) in
            [("policies.note", &BOTH[..]), ("policies-by-all.note", &ALL), ("policies-by-one.note", &BOTH[..1])]
        {
            signed_policies(path, 3, ["next/policies", "policies"], note, by);
        }
        signed(path, &["application", "legal"], "application.note", &ALL);
        let officers = [&lines[0], &lines[1], &newcomer].map(String::as_str);
        signed(path, &[&["officers"], &officers[..]].concat(), "officers.note", &BOTH);
        server.stop();
        Self { folder, policies, lines, dpo }
    }

    /// What the same officers signed for another vault.
    pub(crate) fn signed_elsewhere(&self, environment: &str) -> String {
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        for (_, name) in OFFICERS {
            let file = format!("{name}.key");
            fs::copy(self.folder.path().join(&file), elsewhere.path().join(&file)).expect("copied");
        }
        vault(elsewhere.path(), environment, &self.lines);
        let new = self.folder.path().join("next/policies");
        let statement = signing::statement(elsewhere.path(), 3, &new, &self.folder.path().join("policies"));
        signing::sign(elsewhere.path(), &statement, &BOTH)
    }

    pub(crate) fn copy(&self) -> OfficeCopy {
        let folder = tempfile::tempdir().expect("a temporary folder");
        evenings::copy(self.folder.path(), folder.path(), &|_| Way::Copied);
        OfficeCopy { folder, dpo: self.dpo.clone() }
    }
}

impl OfficeCopy {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Serves it; how it ended, if it refuses.
    pub(crate) fn serve(&self) -> Result<Server, Ended> {
        let server = Server::start(self.path());
        if server.address().is_empty() { Err(server.stop()) } else { Ok(server) }
    }

    /// A verb: exit code, output, errors.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = transcript::run(self.path(), &[], arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {told}")), told)
    }

    /// How it stands with approvals, as the vault that is served says.
    pub(crate) fn standing(&self) -> Value {
        let told = says(self.path(), &["approve", "list", "--vault", "vault", "--json"]);
        serde_json::from_str(&told).expect("one JSON object")
    }

    /// How many approvals the log says were refused.
    pub(crate) fn refusals(&self, server: &Server) -> usize {
        let (dpo, mut place, mut count) = (server.caller(&self.dpo), Some("from=0".to_owned()), 0);
        while let Some(here) = place {
            let page = dpo.get(&format!("/v1/audit/entries?{here}&limit=1000")).json();
            let entries = page["entries"].as_array().into_iter().flatten();
            let refused = |entry: &Value| entry["action"] == "approve" && entry["decision"] == "deny";
            count += entries.filter(|logged| refused(&logged["entry"])).count();
            place = page["next"].as_str().map(|next| format!("after={next}"));
        }
        count
    }
}
