//! A disk that answers "input/output error": what is refused says so, what was answered stays answered, and the vault
//! comes back by itself when the disk does. Every call fails in two ways: it was not done, or it was and is said to have failed.

use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::journal::Journal;
use crate::scene::Scene;
use crate::server::{Server, until};
use crate::shim::Fault::{Fail, FailAfter};
use crate::shim::{EIO, Fault, Rule};

/// A deed that shows that a vault is in trouble.
type Deed = fn(&mut Desk<'_>) -> std::io::Result<()>;

const READING: Deed = |desk| desk.read(0);
const WRITING: Deed = |desk| desk.create();
const STORING: Deed = |desk| desk.store(0, 9_000);

fn in_two_ways(check: impl Fn(Fault)) {
    check(Fail(EIO));
    check(FailAfter(EIO));
}

/// With every such call failing, a deed is refused; all else is answered or refused, and kept if it was answered.
fn refuses(scene: &Scene, rule: Rule, refused: Deed) {
    let (scene, journal) = (scene.copy(), Journal::default());
    let server = scene.serve();
    let mut before = scene.work(&server, &journal, "Vorher");
    (0..2).for_each(|_| before.create().expect("it serves"));
    before.store(0, 9_000).expect("it serves");
    scene.shim.plan(&[rule]);
    assert!(refused(&mut before).is_err(), "with {rule}: it was answered");
    for turn in 0..3 {
        let mut desk = scene.work(&server, &journal, &format!("Dabei{turn}"));
        let _as_far_as_it_goes = desk.create().and_then(|()| desk.store(0, 9_000)).and_then(|()| desk.change(0));
    }
    scene.shim.plan(&[]);
    let mut after = scene.work(&server, &journal, "Danach");
    until("it comes back by itself", || after.create().is_ok());
    after.store(0, 9_000).and_then(|()| after.read(0)).unwrap_or_else(|error| panic!("after {rule}: {error}"));
    let known = journal.known();
    scene.missing(&server, &known).unwrap_or_else(|lost| panic!("after {rule}: {lost}"));
    server.kill();
    scene.recovers(&known).unwrap_or_else(|lost| panic!("after {rule} and a kill: {lost}"));
    scene.destination_alone_has(&known).unwrap_or_else(|lost| panic!("after {rule}, from the destination: {lost}"));
}

#[test]
fn nothing_is_answered_that_a_log_could_not_take() {
    let scene = Scene::new();
    for (call, path, refused) in [
        ("fsync", "vault/audit.db-wal", READING),
        ("write", "vault/audit.db-wal", READING),
        ("fsync", "vault/vault.db-wal", WRITING),
        ("write", "vault/vault.db-wal", WRITING),
        ("fsync", "vault/keyring.db-wal", WRITING),
        ("write", "vault/keyring.db-wal", WRITING),
    ] {
        in_two_ways(|fault| refuses(&scene, Rule::new(fault, call, path, 0), refused));
    }
}

#[test]
fn no_document_is_answered_that_could_not_be_kept() {
    let scene = Scene::new();
    for (call, path) in [
        ("write", "vault/documents/staging/*"),
        ("fsync", "vault/documents/staging/*"),
        ("rename", "vault/documents/staging/*"),
        ("sync", "vault/documents/staging"),
    ] {
        in_two_ways(|fault| refuses(&scene, Rule::new(fault, call, path, 0), STORING));
    }
}

/// With every such call failing the vault serves on, and its backup says that it is behind; afterwards it catches up.
fn serves(scene: &Scene, rule: Rule, run: &[&str]) {
    let (scene, journal) = (scene.copy(), Journal::default());
    let server = scene.serve();
    scene.work(&server, &journal, "Vorher").create().expect("it serves");
    scene.succeeds(&["backup", "run"]).expect("it is captured");
    scene.shim.plan(&[rule]);
    let mut desk = scene.work(&server, &journal, "Dabei");
    for _ in 0..3 {
        desk.create().unwrap_or_else(|error| panic!("with {rule}: {error}"));
        desk.store(0, 9_000).and_then(|()| desk.read(0)).unwrap_or_else(|error| panic!("with {rule}: {error}"));
    }
    let (code, out, error) = scene.run(run);
    assert_ne!(code, Some(0), "with {rule}: {out}{error}");
    scene.destination_alone_has(&Journal::default().known()).unwrap_or_else(|lost| panic!("with {rule}: {lost}"));
    scene.shim.plan(&[]);
    let begun = Instant::now();
    while let (code, out, error) = scene.run(&["backup", "run"])
        && code != Some(0)
    {
        assert!(begun.elapsed() < Duration::from_mins(2), "after {rule} it does not catch up: {out}{error}");
    }
    let known = journal.known();
    scene.destination_alone_has(&known).unwrap_or_else(|lost| panic!("after {rule}, from the destination: {lost}"));
    server.kill();
    scene.recovers(&known).unwrap_or_else(|lost| panic!("after {rule} and a kill: {lost}"));
}

#[test]
fn a_spool_that_fails_stops_no_vault_and_is_caught_up_with() {
    let scene = Scene::new();
    for (call, path) in [
        ("write", "spool/temporary/object"),
        ("fsync", "spool/temporary/object"),
        ("rename", "spool/main/*"),
        ("rename", "spool/keyring/*"),
        ("sync", "spool/*"),
    ] {
        in_two_ways(|fault| serves(&scene, Rule::new(fault, call, path, 0), &["backup", "run"]));
    }
}

#[test]
fn a_base_backup_that_fails_is_taken_later() {
    let scene = Scene::new();
    for (call, path) in [
        ("rename", "spool/keyring/*/manifests/*"),
        ("rename", "spool/main/*/manifests/*"),
        ("rename", "vault/chain/*.note"),
        ("sync", "vault/chain"),
        ("fsync", "vault/pages"),
        ("write", "vault/vault.db"),
        ("fsync", "vault/vault.db"),
        ("fsync", "vault/audit.db"),
    ] {
        in_two_ways(|fault| serves(&scene, Rule::new(fault, call, path, 0), &["backup", "run", "--base"]));
    }
}

#[test]
fn an_index_that_fails_is_made_good() {
    let scene = Scene::new();
    for call in ["write", "fsync"] {
        in_two_ways(|fault| {
            let (scene, journal) = (scene.copy(), Journal::default());
            let server = scene.serve();
            scene.work(&server, &journal, "Vorher").create().expect("it serves");
            let rule = Rule::new(fault, call, "vault/index.db-wal", 0);
            scene.shim.plan(&[rule]);
            for turn in 0..4 {
                // The entry and the record are committed before it; whoever comes next may be refused.
                let mut desk = scene.work(&server, &journal, &format!("Dabei{turn}"));
                let _as_far_as_it_goes = desk.create().and_then(|()| desk.change(0)).and_then(|()| desk.read(0));
            }
            scene.shim.plan(&[]);
            let mut after = scene.work(&server, &journal, "Danach");
            until("it comes back by itself", || after.create().is_ok());
            let known = journal.known();
            scene.missing(&server, &known).unwrap_or_else(|lost| panic!("after {rule}: {lost}"));
            server.kill();
            scene.recovers(&known).unwrap_or_else(|lost| panic!("after {rule} and a kill: {lost}"));
        });
    }
}

/// A verb that meets such calls fails, and the same again succeeds.
fn fails_and_goes_on(scene: &Scene, rule: Rule, arguments: &[&str]) {
    let ended = scene.run_under(&[rule], arguments);
    assert!(ended.code().is_some_and(|code| code != 0), "with {rule}: {ended}");
    scene.succeeds(arguments).unwrap_or_else(|error| panic!("after {rule}: {error}"));
}

#[test]
fn a_destination_that_fails_is_gone_on_with() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let server = scene.serve();
    for (turn, (call, path)) in [
        ("write", "building-b/incoming/*"),
        ("fsync", "building-b/incoming/*"),
        ("sync", "building-b/main/*/audit"),
        ("sync", "building-b/keyring/*"),
        ("rename", "state/state.json"),
        ("fsync", "state/state.new"),
    ]
    .into_iter()
    .enumerate()
    {
        in_two_ways(|fault| {
            let mut desk = scene.work(
                &server,
                &journal,
                &format!("Gang{turn}{}", if matches!(fault, Fail(_)) { "a" } else { "b" }),
            );
            desk.create().and_then(|()| desk.store(0, 9_000)).expect("it serves");
            fails_and_goes_on(&scene, Rule::new(fault, call, path, 0), &["backup", "run"]);
            scene.destination_alone_has(&journal.known()).unwrap_or_else(|lost| panic!("{call} {path}: {lost}"));
        });
    }
    server.stop();
}

#[test]
fn a_restore_onto_a_disk_that_fails_goes_on_later() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let server = scene.serve();
    let mut desk = scene.work(&server, &journal, "Vorher");
    desk.create().and_then(|()| desk.store(0, 9_000)).expect("it serves");
    scene.succeeds(&["backup", "run"]).expect("it is backed up");
    desk.change(0).expect("it serves");
    scene.succeeds(&["backup", "run"]).expect("it is backed up");
    server.stop();
    let known = journal.known();
    for (call, path) in [
        ("write", "again/.coffre-incoming/file"),
        ("rename", "again/vault.db"),
        ("write", "again/vault.db"),
        ("fsync", "again/audit.db-wal"),
        ("rename", "again/root.server.age"),
        ("sync", "again"),
    ] {
        in_two_ways(|fault| {
            let scene = scene.copy();
            let restore = scene.restore("again");
            let restore: Vec<&str> = restore.iter().map(String::as_str).collect();
            fails_and_goes_on(&scene, Rule::new(fault, call, path, 0), &restore);
            scene.take_the_place_of_the_vault("again");
            let server = Server::start(scene.path());
            scene.missing(&server, &known).unwrap_or_else(|lost| panic!("{call} {path}: {lost}"));
            server.stop();
        });
    }
}
