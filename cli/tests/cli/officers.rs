//! Three officers with their keys, as the tests of approvals need them, and what they do again and again.

use std::fs;
use std::path::Path;

use crate::transcript;

/// A folder with the keys of three officers, and their lines.
pub(crate) struct Officers {
    folder: tempfile::TempDir,
    /// Their lines, as they were printed.
    pub(crate) lines: Vec<String>,
}

impl Officers {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut officers = Self { folder, lines: Vec::new() };
        for (role, name) in [("legal", "a.martin"), ("dpo", "b.durand"), ("legal", "c.petit")] {
            let file = format!("{name}.key");
            let line = officers.says(&[
                "officer",
                "keygen",
                "--role",
                role,
                "--name",
                name,
                "--out",
                &file,
                "--no-passphrase",
            ]);
            officers.lines.push(line.trim().to_owned());
        }
        officers
    }

    /// With a vault that has them.
    pub(crate) fn with_vault(environment: &str) -> Self {
        let officers = Self::new();
        let mut arguments = vec!["init", "vault", "--environment", environment];
        for line in &officers.lines {
            arguments.extend(["--officer", line]);
        }
        let made = officers.says(&arguments);
        assert!(made.contains("enrolled: legal/a.martin+"), "{made}");
        officers
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a verb prints that must succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = transcript::run(self.path(), &[], arguments);
        assert_eq!(output.status.code(), Some(0), "{}", transcript::of(self.path(), arguments));
        String::from_utf8(output.stdout).expect("output is text")
    }

    /// Its exit code and what it says on standard error.
    pub(crate) fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = transcript::run(self.path(), &[], arguments);
        let error = String::from_utf8(output.stderr).expect("text");
        (output.status.code().expect("it ended by itself"), error)
    }

    /// Has two officers sign what a verb writes down, and hands it in.
    pub(crate) fn approve(&self, what: &[&str], note: &str) -> String {
        let first = ["--vault", "vault", "--out", note, "--key", "a.martin.key", "--yes"];
        self.says(&[&["approve"], what, &first].concat());
        let folders: &[&str] = if what.first() == Some(&"policies") { &what[1..] } else { &[] };
        let folders: Vec<&str> = folders.iter().flat_map(|folder| ["--policies", folder]).collect();
        self.says(&[&["approve", "sign", note, "--key", "b.durand.key", "--yes"], &folders[..]].concat());
        self.says(&["approve", "submit", note, "--vault", "vault"])
    }

    pub(crate) fn configure_policies(&self, folder: &Path) {
        let file = self.path().join("vault/coffre.toml");
        let text = fs::read_to_string(&file).expect("it is there");
        let pinned: Vec<&str> = text.lines().filter(|line| !line.starts_with("policies")).collect();
        let text = format!("{}\npolicies = \"{}\"\n", pinned.join("\n"), folder.display());
        fs::write(file, text).expect("it is ours");
    }

    /// The text of a file with what differs between two runs taken out of it.
    pub(crate) fn settled(&self, text: &str) -> String {
        let mut text = text.replace(&self.path().display().to_string(), "FOLDER");
        for line in &self.lines {
            let id = line.split('+').nth(1).expect("an id");
            text = text.replace(line, "LINE").replace(id, "KEYID");
        }
        let is_id = |word: &&str| word.len() == 36 && word.matches('-').count() == 4;
        let is_hash = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        let parts: Vec<String> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| is_id(word) || is_hash(word))
            .map(str::to_owned)
            .collect();
        parts.iter().fold(text, |text, part| text.replace(part, if is_id(&part.as_str()) { "UUID" } else { "HASH" }))
    }
}
