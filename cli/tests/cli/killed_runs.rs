//! `kill -9` of a restore and of a backup run, at each of their stages: the same command again goes on and comes to
//! its end, and nothing that is half done passes for whole.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::server::until;
use crate::site::{NONE, Site, files, strs};

/// All that a restore brings back, but for what each generation has of its own.
fn restored(site: &Site, vault: &str) -> (Vec<(String, Vec<u8>)>, Value, Value) {
    let folder = site.path().join(vault);
    let documents = files(&folder.join("documents")).into_iter().map(|path| {
        let name = path.strip_prefix(&folder).expect("below it").display().to_string();
        (name, fs::read(path).expect("readable"))
    });
    let log = site.json(0, &["audit", "verify", "--vault", vault, "--config", &config(vault), "--json"]);
    let applications = site.json(0, &["application", "list", "--vault", vault, "--config", &config(vault), "--json"]);
    (documents.collect(), log["entries"].clone(), applications)
}

/// When something is killed: in words, and as it shows in a folder.
type Moment = (&'static str, fn(&Path) -> bool);

fn config(vault: &str) -> String {
    format!("{vault}/coffre.toml")
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn a_killed_restore_does_not_open_and_goes_on() {
    let site = Site::with_clients(150);
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    let server = site.serve();
    site.run(&["backup", "run"]);
    server.stop();
    let whole = site.restore("building-b", "whole", &["--json"]);
    site.json(0, &strs(&whole));
    let expected = restored(&site, "whole");
    assert!(expected.0.len() > 100, "{}", expected.0.len());

    let moments: [Moment; 8] = [
        ("it is claimed", |to| exists(&to.join(".coffre-restore.json"))),
        ("a database is there", |to| exists(&to.join("vault.db"))),
        ("a document is there", |to| !files(&to.join("documents")).is_empty()),
        ("half of the documents are there", |to| files(&to.join("documents")).len() > 80),
        ("it is opened", |to| exists(&to.join("lock"))),
        ("its databases are opened", |to| exists(&to.join("audit.db-shm"))),
        ("its generation is begun", |to| exists(&to.join("chain/main.parent.json"))),
        ("it could be opened", |to| exists(&to.join("root.server.age"))),
    ];
    let mut killed = 0;
    for (number, (when, moment)) in moments.into_iter().enumerate() {
        let vault = format!("vault-{number}");
        let (to, restore) = (site.path().join(&vault), site.restore("building-b", &vault, &["--json"]));
        if site.kill_when(&strs(&restore), || moment(&to)).is_none() && exists(&to.join(".coffre-restore.json")) {
            killed += 1;
            for verb in [&["serve", "--listen", "127.0.0.1:0"][..], &["application", "list"]] {
                let (code, out, error) = site.run(&[verb, &["--vault", &vault]].concat());
                assert_eq!((code, out.as_str()), (Some(1), ""), "{when}: {error}");
                assert!(error.contains("has not ended\nhelp: run the same `coffre restore` again"), "{when}: {error}");
            }
            let doctor = site.json(16, &["doctor", "--vault", &vault, "--json"]);
            assert!(doctor.to_string().contains("a restore into this directory was begun"), "{when}: {doctor:#}");
            site.json(0, &strs(&restore));
        }
        assert_eq!(restored(&site, &vault), expected, "killed when {when}");
    }
    assert!(killed >= 5, "only {killed} restores were killed before their end");
}

#[test]
fn a_killed_backup_run_is_made_up_for_by_the_next() {
    let site = Site::with_clients(150);
    let server = site.serve();
    let moments: [Moment; 6] = [
        ("it begins", |at| exists(&at.join("state/backup.lock"))),
        ("a base is copied into the spool", |at| !files(&at.join("spool/temporary")).is_empty()),
        ("documents are copied", |at| !files(&at.join("building-b/incoming")).is_empty()),
        ("half of them are copied", |at| files(&at.join("building-b")).len() > 80),
        ("restic makes the repository", |at| exists(&at.join("repository")) && !exists(&at.join("repository/config"))),
        ("restic runs", |at| !files(&at.join("repository/locks")).is_empty()),
    ];
    let mut killed = 0;
    for (when, moment) in moments {
        for place in ["building-b", "repository", "state"] {
            // Everything is to be copied anew.
            fs::remove_dir_all(site.path().join(place)).ok();
            if place != "repository" {
                fs::create_dir(site.path().join(place)).expect("a folder");
            }
        }
        let killed_now = site.kill_when(&["backup", "run", "--init"], || moment(site.path())).is_none();
        killed += u32::from(killed_now);
        let status = site.json(if killed_now { 11 } else { 0 }, &["backup", "status", "--json"]);
        if killed_now {
            let restic = &status["targets"][1];
            assert_eq!((&restic["name"], &restic["captured"]), (&"restic".into(), &Value::Null), "{when}: {status:#}");
        }
        // A capture that goes on in the server, or a restic that has not noticed yet and makes the repository, ends by itself.
        until("the next run is let in", || {
            let (code, out, error) = site.run(&["backup", "run", "--init", "--json"]);
            assert!(matches!(code, Some(0 | 13)), "{when}: {out}{error}");
            code == Some(0)
        });
        site.json(0, &["backup", "status", "--json"]);
        let verified = site.json(0, &["backup", "verify", "spool", "building-b", "--json"]);
        assert_eq!(verified["unread"], Value::Array(Vec::new()), "{when}: {verified:#}");
        repository_is_sound(&site, when);
        assert_eq!(files(&site.path().join("building-b/incoming")), NONE, "{when}");
    }
    assert!(killed >= 3, "only {killed} runs were killed before their end");
    server.stop();
}

/// restic leaves a lock when it is cut off. One so young is named and not removed yet.
fn repository_is_sound(site: &Site, when: &str) {
    let mut told = (None, String::new(), String::new());
    // A restic whose parent was killed goes on until it notices, and holds its lock.
    until("the orphaned restic has ended", || {
        told = site.run(&["backup", "verify", "restic"]);
        told.0 != Some(13)
    });
    let (code, out, error) = told;
    if code == Some(75) {
        assert!(
            error.contains("was left locked by PID")
                && error.contains("which has ended\nhelp: run this again ten minutes later"),
            "{error}"
        );
        let unlocked = std::process::Command::new("restic")
            .args(["unlock", "--no-cache", "--repo", "repository", "--password-file", "password"])
            .current_dir(site.path())
            .output()
            .expect("restic runs");
        assert!(unlocked.status.success(), "{unlocked:?}");
        site.succeeds(&["backup", "verify", "restic"]);
    } else {
        assert_eq!(code, Some(0), "{when}: {out}{error}");
    }
}

#[test]
fn a_server_killed_while_it_takes_a_base_leaves_the_spool_as_good_as_before() {
    let site = Site::with_clients(150);
    for round in 0..3 {
        let mut server = Some(site.serve());
        // A base may be there before it is seen: then another one is asked for.
        let ended = (0..50).find_map(|_| {
            let ended = site.kill_when(&["backup", "run", "--init", "--base"], || {
                if !files(&site.path().join("spool/temporary")).is_empty() {
                    server.take().into_iter().for_each(crate::server::Server::kill);
                }
                false
            });
            server.is_none().then_some(ended)
        });
        let ended = ended.unwrap_or_else(|| panic!("round {round}: nothing was taken"));
        // With 0 where the server was gone before it was asked: what is captured is copied all the same.
        assert!(ended.is_some(), "round {round}: the run itself was not killed");
        let server = site.serve();
        let report = site.json(0, &["backup", "run", "--init", "--json"]);
        assert!(report["base"].is_u64(), "{report:#}");
        site.json(0, &["backup", "verify", "--json"]);
        assert_eq!(files(&site.path().join("spool/temporary")), NONE);
        server.stop();
    }
}
