//! One changed byte in every kind of file: which command finds it, and what it says. What is derived is made anew;
//! nothing that was changed is served, copied on or restored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::site::{Site, files, strs};

/// Changes one byte while it lives.
struct Changed {
    path: PathBuf,
    sound: Vec<u8>,
}

impl Changed {
    /// At so many hundredths of the file.
    fn at(path: &Path, hundredths: usize) -> Self {
        let sound = fs::read(path).expect("readable");
        let mut bytes = sound.clone();
        let at = bytes.len() * hundredths / 100;
        bytes[at] ^= 1;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
        fs::write(path, bytes).expect("written");
        Self { path: path.to_owned(), sound }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        fs::write(&self.path, &self.sound).expect("written");
    }
}

/// The exit code of a verb on the vault, and what it said; two lines, whatever lies below.
fn told(site: &Site, arguments: &[&str]) -> (i32, String) {
    let (code, _, error) = site.run(arguments);
    if code != Some(0) {
        let lines: Vec<_> = error.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["error:", "help:"], "{arguments:?}: {error}");
    }
    (code.expect("it ended by itself"), error)
}

#[test]
fn a_changed_byte_of_the_vault_is_named_with_its_file() {
    let site = Site::with_clients(20);
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    let list = ["application", "list"];
    for (file, hundredths, code, says) in [
        ("vault.db", 0, 12, "vault.db has a page that is not the one that was written last"),
        ("keyring.db", 0, 12, "keyring.db has a page that is not the one that was written last"),
        ("audit.db", 0, 12, "audit.db has a page that is not the one that was written last"),
        ("pages", 0, 12, "the file pages is not this vault's"),
        ("index.db", 50, 0, ""),
        ("keys.json", 50, 12, "keys.json"),
        ("root.server.age", 50, 12, "root.server.age is damaged"),
        ("root.server.age", 95, 12, "root.server.age is damaged"),
        ("server.identity", 60, 2, ""),
    ] {
        let _changed = Changed::at(&site.path().join("vault").join(file), hundredths);
        let (found, error) = told(&site, &list);
        let known = if file == "server.identity" { matches!(found, 2 | 15) } else { found == code };
        assert!(known && error.contains(says), "{file} at {hundredths}: {found} {error}");
    }
    site.succeeds(&list);
    // Pages that nothing needs for the list: the log is read whole.
    let audit = Changed::at(&site.path().join("vault/audit.db"), 60);
    let (code, error) = told(&site, &["audit", "verify", "--vault", "vault"]);
    assert!(matches!(code, 1 | 12), "{code} {error}");
    drop(audit);
    site.succeeds(&["audit", "verify", "--vault", "vault"]);
}

fn kept(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.kept", path.file_name().expect("a name").display()))
}

#[test]
fn another_vaults_files_do_not_open_here() {
    let (site, other) = (Site::new(), Site::new());
    for (file, codes) in [
        ("server.identity", &[15][..]),
        ("root.server.age", &[15]),
        ("keys.json", &[12, 15]),
        ("vault.db", &[12]),
        ("keyring.db", &[12]),
        ("audit.db", &[12]),
    ] {
        // A database with its write-ahead log, where it has one.
        let parts = [String::new(), "-wal".to_owned(), "-shm".to_owned()].map(|suffix| format!("{file}{suffix}"));
        let folder = |of: &Site| of.path().join("vault");
        for part in &parts {
            let ours = folder(&site).join(part);
            fs::rename(&ours, kept(&ours)).ok();
            fs::copy(folder(&other).join(part), ours).ok();
        }
        let (code, error) = told(&site, &["application", "list"]);
        assert!(codes.contains(&code), "{file}: {code} {error}");
        for part in &parts {
            let ours = folder(&site).join(part);
            fs::remove_file(&ours).ok();
            fs::rename(kept(&ours), ours).ok();
        }
    }
    site.succeeds(&["application", "list"]);
}

#[test]
fn a_changed_document_is_neither_read_nor_backed_up() {
    let site = Site::with_clients(20);
    let server = site.serve();
    let stored = files(&site.path().join("vault/documents"));
    let changed = Changed::at(&stored[3], 50);
    let (code, out, _) = site.run(&["backup", "run", "--json"]);
    assert_eq!(code, Some(12), "{out}");
    let name = stored[3].file_name().expect("a name").to_str().expect("text");
    let (document, _) = name.rsplit_once('-').expect("a document and its version");
    assert!(out.contains(&format!("document {document} is damaged: restore it")), "{out}");
    drop(changed);
    site.run(&["backup", "run"]);
    site.json(0, &["backup", "verify", "spool", "building-b", "--json"]);
    server.stop();
}

/// A file of each kind among backups, by a part of its path.
fn kinds(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut kinds = Vec::new();
    for path in files(folder) {
        let below = path.strip_prefix(folder).expect("below it").display().to_string();
        // Names of generations, vaults and hashes are left out: what remains is the kind.
        let known = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase() || c == '-') && part.len() > 2;
        let kind = below.split('/').filter(known).collect::<Vec<_>>().join("/");
        if !kinds.iter().any(|(other, _)| *other == kind) && !below.contains("state") && !below.contains("lock") {
            kinds.push((kind, path));
        }
    }
    kinds
}

#[test]
fn a_changed_byte_of_a_backup_is_named_and_not_restored() {
    let site = Site::with_clients(20);
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    let kinds_there = kinds(&site.path().join("building-b"));
    assert!(kinds_there.len() >= 7, "bases, manifests, keys, inventory, documents: {kinds_there:#?}");
    for place in ["spool", "building-b"] {
        for (number, (kind, path)) in kinds(&site.path().join(place)).into_iter().enumerate() {
            let _changed = Changed::at(&path, 50);
            let report = site.json(12, &["backup", "verify", place, "--json"]);
            let name = path.file_name().expect("a name").to_str().expect("text");
            assert!(report["places"][0]["faults"].to_string().contains(name), "{kind}: {report:#}");
            let to = format!("again-{place}-{number}");
            let (code, error) = told(&site, &strs(&site.restore(place, &to, &[])));
            assert_eq!(code, 12, "{kind}: {error}");
            assert!(!site.path().join(to).join("server.identity").exists(), "{kind}: what is damaged opens");
        }
    }
    site.json(0, &["backup", "verify", "--json"]);
    for pack in files(&site.path().join("repository/data")).into_iter().take(3) {
        let _changed = Changed::at(&pack, 50);
        let (code, error) = told(&site, &["backup", "verify", "restic"]);
        assert!(code == 12, "{code} {error}");
    }
}
