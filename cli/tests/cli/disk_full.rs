//! A full disk, whichever it is: what is refused says so and may succeed later (75, 503), nothing is half done, and
//! the same again goes through as soon as there is space.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use serde_json::Value;

use crate::server::{Server, until};
use crate::site::{LEGAL, NONE, Site, files, strs};
use crate::small_disk::{SmallDisk, on_a_small_disk};
use crate::transcript;

/// A folder whose `vault` is on the small disk, empty.
fn folder_on(disk: &SmallDisk) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vault = disk.path().join("vault");
    fs::DirBuilder::new().mode(0o700).create(&vault).expect("a folder");
    std::os::unix::fs::symlink(vault, folder.path().join("vault")).expect("a link");
    folder
}

fn coffre(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = transcript::run(folder, &[], arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, error) = coffre(folder, arguments);
    assert_eq!(code, Some(0), "{out}{error}");
    serde_json::from_str(&out).expect("one JSON object")
}

fn new_vault(folder: &Path) {
    let (code, _, error) = coffre(folder, &["init", "vault", "--environment", "recette"]);
    assert_eq!(code, Some(0), "{error}");
}

fn staged(disk: &SmallDisk) -> usize {
    files(&disk.path().join("vault/documents/staging")).len()
}

#[test]
fn a_served_vault_refuses_with_the_reason_and_comes_back_by_itself() {
    on_a_small_disk("disk_full::a_served_vault_refuses_with_the_reason_and_comes_back_by_itself", 6_000, |disk| {
        let folder = folder_on(disk);
        new_vault(folder.path());
        let added =
            json(folder.path(), &["application", "add", "desk", "--role", "legal", "--vault", "vault", "--json"]);
        let server = Server::start(folder.path());
        let desk = server.caller(added["token"].as_str().expect("a token"));
        let record = desk.create_one("Lefèvre");
        let paper = vec![7; 300_000];
        disk.fill(20);
        assert_eq!(desk.upload(&record, &paper).expect("it answers").problem(503), "unavailable", "20 pages are left");
        disk.fill(0);
        for refused in [desk.create("Martin"), desk.family_name(&record), desk.upload(&record, &paper)] {
            let refused = refused.expect("it answers");
            assert_eq!(refused.problem(503), "unavailable");
            let detail = refused.json()["detail"].to_string();
            assert!(detail.contains("the disk that holds the vault is full: free space"), "{detail}");
        }
        assert_eq!(server.get("/readyz", ""), 503);
        assert_eq!(staged(disk), 0, "half an upload is left");

        disk.free();
        until("the vault serves again", || server.get("/readyz", "") == 200);
        assert_eq!(desk.family_name(&record).expect("it answers").json()["fields"]["contact.family_name"], "Lefèvre");
        desk.create_one("Martin");
        assert_eq!(desk.upload(&record, &paper).expect("it answers").status, 201);
        server.stop();
        assert_eq!(json(folder.path(), &["audit", "verify", "--vault", "vault", "--json"])["sound"], true);
    });
}

#[test]
fn a_vault_that_finds_no_space_to_open_in_is_not_called_damaged() {
    on_a_small_disk("disk_full::a_vault_that_finds_no_space_to_open_in_is_not_called_damaged", 4_000, |disk| {
        let folder = folder_on(disk);
        disk.fill(10);
        let (code, _, error) = coffre(folder.path(), &["init", "vault", "--environment", "recette"]);
        assert_eq!((code, error.as_str()), (Some(75), FULL));
        assert_eq!(files(&disk.path().join("vault")), NONE, "half a vault is left");
        assert!(!folder.path().join("vault.recovery-identity").exists(), "an identity of nothing is left");
        disk.free();
        new_vault(folder.path());
        disk.fill(0);
        for verb in [&["serve", "--listen", "127.0.0.1:0"][..], &["application", "list"], &["audit", "verify"]] {
            let (code, _, error) = coffre(folder.path(), &[verb, &["--vault", "vault"]].concat());
            assert_eq!((code, error.as_str()), (Some(75), FULL), "{verb:?}");
        }
        disk.free();
        json(folder.path(), &["audit", "verify", "--vault", "vault", "--json"]);
    });
}

const FULL: &str = "error: the disk that holds the vault is full\nhelp: free space, then run this again\n";

#[test]
fn an_import_goes_on_where_the_space_ended() {
    on_a_small_disk("disk_full::an_import_goes_on_where_the_space_ended", 60_000, |disk| {
        let folder = folder_on(disk);
        new_vault(folder.path());
        let made = json(folder.path(), &["demo", "legacy", "--clients", "900", "--out", "legacy.sqlite", "--json"]);
        let import = ["import", "--vault", "vault", "--from", "legacy.sqlite", "--mapping", LEGAL, "--allow-rejects"];
        let mut server = None;
        // Here, where opening a new vault takes some of it, and in the server, where one runs; the second time after some batches.
        for pages in [60, 1_200, 30] {
            disk.fill(pages);
            let (code, _, error) = coffre(folder.path(), &import);
            assert_eq!(code, Some(75), "{error}");
            let says = error.contains("the disk that holds the vault is full") || error.contains("No space left");
            assert!(says && error.contains("\nhelp: run the import again when the cause is gone"), "{error}");
            disk.free();
            server = server.or_else(|| Some(Server::start(folder.path())));
            let server = server.as_ref().expect("it was started");
            until("the vault serves again", || server.get("/readyz", "") == 200);
            // Documents of a batch whose commit failed wait until the files could be opened again: whether it was committed is known then.
            assert_eq!(staged(disk), 0, "half a document is left");
        }
        let report = json(folder.path(), &[&import[..], &["--rejects", "r.age", "--json"]].concat());
        drop(server);
        assert_eq!(report["source"], report["vault"], "both sides have one fingerprint");
        assert!(report["unchanged"].as_u64().is_some_and(|there| there > 0), "nothing was brought before: {report:#}");
        let brought = report["imported"].as_u64().zip(report["unchanged"].as_u64()).map(|(new, old)| new + old);
        assert_eq!(brought, made["importable"].as_u64(), "{made:#}");
    });
}

/// Fills the disk of one place during a run up to some pages, and expects the others to be served and nothing half done.
fn a_run_while_full(test: &str, place: &str, left: usize, reached: [bool; 2], says: &str) {
    on_a_small_disk(test, 3_000, |disk| {
        let site = Site::new();
        site.move_to(place, disk.path());
        let server = site.serve();
        site.json(0, &["backup", "run", "--init", "--json"]);
        disk.fill(left);
        let report = site.json(75, &["backup", "run", "--base", "--json"]);
        let targets: Vec<_> = report["targets"].as_array().expect("a list").iter().map(|t| t["done"] == true).collect();
        assert_eq!(targets, reached, "{report:#}");
        assert!(report.to_string().contains(says), "{report:#}");
        // What is there is as good as before, and nothing half done is left.
        site.json(0, &["backup", "verify", "spool", "building-b", "--json"]);
        for place in ["spool/temporary", "building-b/incoming"] {
            assert_eq!(files(&site.path().join(place)), NONE);
        }
        disk.free();
        let again = site.json(0, &["backup", "run", "--base", "--json"]);
        assert!(again["base"].as_u64() > report["base"].as_u64(), "{again:#}");
        site.json(0, &["backup", "verify", "--json"]);
        let status = site.json(0, &["backup", "status", "--json"]);
        assert!(
            status["targets"].as_array().expect("a list").iter().all(|t| t["last_failure"].is_null()),
            "{status:#}"
        );
        for left in ["spool/temporary", "building-b/incoming"] {
            assert_eq!(files(&site.path().join(left)), NONE);
        }
        server.stop();
    });
}

#[test]
fn a_full_spool_takes_no_base_and_what_it_holds_is_copied() {
    let name = "disk_full::a_full_spool_takes_no_base_and_what_it_holds_is_copied";
    a_run_while_full(name, "spool", 0, [true, true], "the disk that holds the spool is full: free space");
}

/// Some of it fits.
const LESS_THAN_A_BASE: usize = 24;

#[test]
fn a_spool_with_less_room_than_a_base_needs_keeps_nothing_of_it() {
    let name = "disk_full::a_spool_with_less_room_than_a_base_needs_keeps_nothing_of_it";
    let says = "the disk that holds the spool is full: free space";
    a_run_while_full(name, "spool", LESS_THAN_A_BASE, [true, true], says);
}

#[test]
fn a_destination_with_less_room_than_a_base_needs_keeps_nothing_of_it() {
    let name = "disk_full::a_destination_with_less_room_than_a_base_needs_keeps_nothing_of_it";
    a_run_while_full(name, "building-b", LESS_THAN_A_BASE, [false, true], "building-b is full: make room");
}

#[test]
fn a_full_destination_keeps_no_other_from_its_copy() {
    let name = "disk_full::a_full_destination_keeps_no_other_from_its_copy";
    a_run_while_full(name, "building-b", 0, [false, true], "building-b is full: make room");
}

#[test]
fn a_full_repository_keeps_no_destination_from_its_copy() {
    let name = "disk_full::a_full_repository_keeps_no_destination_from_its_copy";
    a_run_while_full(name, "repository", 0, [true, false], "repository has no space left: make room");
}

#[test]
fn a_run_that_cannot_be_remembered_is_no_success() {
    let name = "disk_full::a_run_that_cannot_be_remembered_is_no_success";
    a_run_while_full(name, "state", 0, [false, false], "No space left on device");
}

#[test]
fn a_restore_goes_on_where_the_space_ended() {
    on_a_small_disk("disk_full::a_restore_goes_on_where_the_space_ended", 12_000, |disk| {
        let site = Site::with_clients(100);
        let server = site.serve();
        site.run(&["backup", "run"]);
        server.stop();
        let to = disk.path().join("again");
        let restore = site.restore("building-b", to.to_str().expect("text"), &["--json"]);
        let mut refused = 0;
        // The fetching needs more pages than the first leave; what is checked and written after it, more than the last.
        for pages in (0..1_000).step_by(40) {
            disk.fill(pages);
            let (code, _, error) = site.run(&strs(&restore));
            disk.free();
            if code == Some(0) {
                break;
            }
            assert_eq!(code, Some(75), "{pages} pages: {error}");
            assert!(
                (error.contains(" is full") || error.contains("No space left")) && error.contains("\nhelp: "),
                "{error}"
            );
            refused += 1;
            let vault = ["--vault", to.to_str().expect("text")];
            let (code, out, error) = coffre(site.path(), &[&["serve", "--listen", "127.0.0.1:0"], &vault[..]].concat());
            assert!(code == Some(1) || code == Some(2), "half a vault is served: {out}{error}");
        }
        assert!(refused > 5, "{refused}");
        if !to.join("server.identity").exists() {
            site.json(0, &strs(&restore));
        }
        let verified = json(site.path(), &["audit", "verify", "--vault", to.to_str().expect("text"), "--json"]);
        assert_eq!(verified["sound"], true);
    });
}
