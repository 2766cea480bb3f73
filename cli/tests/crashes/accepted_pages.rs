//! Killed while somebody accepts database files that another program changed: they count as accepted once the log says so, and
//! not before.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::journal::Journal;
use crate::scene::Scene;
use crate::server::{Ended, until};
use crate::shim::Fault::{KillAfter, KillBefore};
use crate::shim::{Rule, Shim};

const ACCEPTED: Rule = Rule::new(KillAfter, "rename", "vault/pages", 1);

/// The built binary is told to accept, and killed.
fn accept(scene: &Scene, rule: Rule) {
    let shim = Shim::below(scene.path());
    shim.plan(&[rule]);
    let serve = ["serve", "--vault", "vault", "--listen", "127.0.0.1:0", "--accept-pages"];
    let ended = scene.start_under(&shim, &serve).wait().expect("it ends");
    assert_eq!(ended.signal(), Some(9), "{rule}");
}

/// How often the log says that pages were accepted, in a vault that serves.
fn told(scene: &Scene, journal: &Journal) -> usize {
    let server = scene.serve();
    scene.missing(&server, &journal.known()).expect("nothing is lost");
    let entries = scene.callers(&server).dpo.get("/v1/audit/entries?limit=200").json();
    server.stop();
    let entries = entries["entries"].as_array().expect("a page of entries");
    entries.iter().filter(|logged| logged["entry"]["action"] == "accept-pages").count()
}

/// What of a vault keeps what is not accepted from being told: the start, or the reading of a page that the start had no need of.
fn withheld(changed: &Scene, journal: &Journal) -> String {
    let scene = changed.copy();
    let server = scene.serve();
    if server.address().is_empty() {
        let Ended { code, log } = server.stop();
        assert_eq!(code, Some(12), "{log}");
        return log;
    }
    let told = scene.missing(&server, &journal.known()).expect_err("nothing is told that is not accepted");
    assert!(told.contains(": 500 "), "{told}");
    server.stop().log
}

#[test]
fn files_count_as_accepted_once_the_log_says_so() {
    let (changed, journal) = (Scene::new(), Journal::default());
    // The first base backup takes into the files what stands in the logs, however late it comes: the second run makes none.
    let server = changed.serve();
    until("the first base backup is there", || changed.objects("spool/main", "note") > 0);
    server.stop();
    let server = changed.serve();
    changed.work(&server, &journal, "Vorher").create().expect("it serves");
    server.kill();
    // It takes the write-ahead logs of a vault that was killed into the files, without a key.
    for database in ["vault.db", "keyring.db", "audit.db"] {
        let path = changed.path().join("vault").join(database);
        Command::new("sqlite3").arg(path).arg(".dump").output().expect("sqlite3 is installed, see scripts/setup");
    }
    for (rule, entries) in [
        (Rule::new(KillBefore, "rename", "vault/pages.next", 1), 0..=0),
        (Rule::new(KillAfter, "sync", "vault", 1), 0..=0),
        (Rule::new(KillBefore, "write", "vault/vault.db-wal", 1), 0..=0),
        // Pending in vault.db, whoever opens the vault next goes through with it; what was pending before it goes first.
        (Rule::new(KillBefore, "write", "vault/audit.db-wal", 1), 0..=1),
        (Rule::new(KillBefore, "rename", "vault/pages", 1), 1..=1),
    ] {
        let scene = changed.copy();
        accept(&scene, rule);
        let said = withheld(&scene, &journal);
        assert!(said.contains("Error code 8202"), "{rule}: {said}");
        accept(&scene, ACCEPTED);
        let told = told(&scene, &journal);
        assert!(entries.contains(&(told - 1)), "{rule}: {told}");
    }
    let scene = changed.copy();
    accept(&scene, ACCEPTED);
    assert_eq!(told(&scene, &journal), 1, "whoever has the pages has the entry");
}
