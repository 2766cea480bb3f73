//! A vault whose files were put back: it is not served, whatever it says of itself, and a restore is the way out.

use std::fs;
use std::path::Path;

use crate::server::{Ended, Server};
use crate::transcript;

fn coffre(folder: &Path, arguments: &[&str]) {
    let output = transcript::run(folder, &[("COFFRE_CONFIG", "vault/coffre.toml")], arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
    fs::set_permissions(to, fs::metadata(from).expect("there").permissions()).expect("ours");
}

/// A vault with a spool and a destination.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let made = transcript::run(path, &[], &["init", "vault", "--environment", "recette"]);
    assert_eq!(made.status.code(), Some(0));
    for name in ["spool", "building-b"] {
        fs::create_dir(path.join(name)).expect("a folder");
    }
    configure(&path.join("vault"), path, &fs::read_to_string(path.join("vault/coffre.toml")).expect("init wrote it"));
    folder
}

fn configure(vault: &Path, site: &Path, pinned: &str) {
    let site = site.display();
    let section = format!(
        "vault = \".\"\n[backup]\nspool = \"{site}/spool\"\n\
         [[backup.destination]]\nname = \"building-b\"\npath = \"{site}/building-b\"\n"
    );
    fs::write(vault.join("coffre.toml"), format!("{pinned}{section}")).expect("written");
}

fn pinned(site: &Path) -> String {
    let text = fs::read_to_string(site.join("vault/coffre.toml")).expect("it is there");
    text.split("vault = \".\"").next().expect("what init wrote").to_owned()
}

/// Serves, adds an application, takes a backup, stops.
fn a_day(site: &Path, application: &str) {
    let server = Server::start(site);
    coffre(site, &["application", "add", application, "--role", "legal", "--vault", "vault"]);
    coffre(site, &["backup", "run"]);
    server.stop();
}

/// Serves, answers once, stops.
fn up_and_down(folder: &Path) -> Ended {
    let server = Server::start(folder);
    assert_eq!(server.get("/healthz", "nobody"), 200);
    server.stop()
}

#[test]
fn a_vault_put_back_is_not_served_and_a_restore_goes_on() {
    let folder = site();
    let site = folder.path();
    a_day(site, "first");
    copy_folder(&site.join("vault"), &site.join("older"));
    a_day(site, "second");
    fs::rename(site.join("vault"), site.join("evidence")).expect("moved");
    fs::rename(site.join("older"), site.join("vault")).expect("moved");

    let (code, error) = Server::refused(site);
    assert_eq!(code, Some(12), "{error}");
    assert!(error.contains("the audit log was set back or rewritten") && error.contains("the spool"), "{error}");
    assert!(error.contains("help: keep the vault and every backup as evidence"), "{error}");

    // Whoever put the vault back put the spool back too.
    fs::remove_dir_all(site.join("spool")).expect("it is ours");
    fs::create_dir(site.join("spool")).expect("a folder");
    let (code, error) = Server::refused(site);
    assert_eq!(code, Some(12), "{error}");
    assert!(error.contains("building-b"), "{error}");

    // A destination that is not mounted keeps nobody from working, and is told.
    fs::rename(site.join("building-b"), site.join("unplugged")).expect("moved");
    let ended = up_and_down(site);
    assert!(ended.log.contains("the log is not compared with the head there"), "{}", ended.log);
    fs::rename(site.join("unplugged"), site.join("building-b")).expect("plugged in");

    fs::create_dir(site.join("new")).expect("a folder");
    let key = pinned(site);
    let key = key.lines().find(|line| line.starts_with("verification_key")).and_then(|line| line.split('"').nth(1));
    let identity = "vault.recovery-identity";
    let from = ["restore", "--from", "building-b", "--to", "new/vault", "--identity", identity, "--vault-key"];
    coffre(site, &[&from[..], &[key.expect("a key")]].concat());
    configure(&site.join("new/vault"), site, &pinned(site));
    let ended = up_and_down(&site.join("new"));
    assert_eq!(ended.code, Some(0), "the newest backup goes on as a new generation: {}", ended.log);
    assert!(ended.log.contains("the log goes on from the head known there"), "{}", ended.log);
}

#[test]
fn a_vault_that_was_rewritten_since_its_last_backup_is_not_served() {
    let folder = site();
    let site = folder.path();
    a_day(site, "first");
    // Another log with the same keys: the files of the first day, and another second day.
    copy_folder(&site.join("vault"), &site.join("other"));
    a_day(site, "second");
    fs::rename(site.join("vault"), site.join("evidence")).expect("moved");
    fs::rename(site.join("other"), site.join("vault")).expect("moved");
    fs::rename(site.join("building-b"), site.join("unplugged")).expect("moved");
    let configured = fs::read_to_string(site.join("vault/coffre.toml")).expect("it is there");
    fs::write(site.join("vault/coffre.toml"), pinned(site)).expect("written");
    let server = Server::start(site);
    for name in ["third", "fourth", "fifth", "sixth", "seventh"] {
        coffre(site, &["application", "add", name, "--role", "legal", "--vault", "vault"]);
    }
    server.stop();
    fs::write(site.join("vault/coffre.toml"), configured).expect("written");
    let (code, error) = Server::refused(site);
    assert_eq!(code, Some(12), "{error}");
    assert!(error.contains("entries are not those that were signed"), "{error}");
}

/// A configuration with a spool of its own and the site's destination.
fn configure_beside(vault: &Path, site: &Path) {
    let (own, shared) = (vault.parent().expect("a folder").display(), site.display());
    let pinned = pinned(site);
    let section = format!(
        "vault = \".\"\n[backup]\nspool = \"{own}/spool\"\n\
         [[backup.destination]]\nname = \"building-b\"\npath = \"{shared}/building-b\"\n"
    );
    fs::create_dir(vault.parent().expect("a folder").join("spool")).expect("a folder");
    fs::write(vault.join("coffre.toml"), format!("{pinned}{section}")).expect("written");
}

#[test]
fn a_copy_of_a_vault_is_refused_at_the_destination_and_not_served_again() {
    let folder = site();
    let site = folder.path();
    a_day(site, "first");
    fs::create_dir(site.join("twin")).expect("a folder");
    copy_folder(&site.join("vault"), &site.join("twin/vault"));
    configure_beside(&site.join("twin/vault"), site);
    // Nothing tells them apart until one of them writes.
    let twin = Server::start(&site.join("twin"));
    a_day(site, "second");
    let twins = site.join("twin");
    coffre(&twins, &["application", "add", "third", "--role", "legal", "--vault", "vault"]);
    let output = transcript::run(&twins, &[("COFFRE_CONFIG", "vault/coffre.toml")], &["backup", "run"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(12), "{told}");
    assert!(told.contains("two vaults run with the same keys"), "{told}");
    twin.stop();
    let (code, error) = Server::refused(&twins);
    assert_eq!(code, Some(12), "{error}");
    a_day(site, "fourth");
}

#[test]
fn a_vault_that_another_was_restored_from_is_not_served() {
    let folder = site();
    let site = folder.path();
    a_day(site, "first");
    fs::create_dir(site.join("new")).expect("a folder");
    let key = pinned(site);
    let key = key.lines().find(|line| line.starts_with("verification_key")).and_then(|line| line.split('"').nth(1));
    let identity = "vault.recovery-identity";
    let from = ["restore", "--from", "building-b", "--to", "new/vault", "--identity", identity, "--vault-key"];
    coffre(site, &[&from[..], &[key.expect("a key")]].concat());
    configure_beside(&site.join("new/vault"), site);
    a_day(&site.join("new"), "second");
    let (code, error) = Server::refused(site);
    assert_eq!(code, Some(12), "{error}");
    assert!(error.contains("a vault that was restored from this one goes on, and building-b"), "{error}");
    a_day(&site.join("new"), "third");
}
