//! A destination that is lost for a while: everything it has not confirmed stays in the spool for it, and is there when it
//! comes back. And what the doctor says of what runs by itself.

use std::fs;

use serde_json::Value;

use crate::site::Site;

/// A site whose spool keeps one base backup, with a second destination.
fn site() -> Site {
    let site = Site::new();
    fs::create_dir(site.path().join("offsite")).expect("a folder");
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let (before, _) = text.split_once("[backup.restic]").expect("a repository");
    let text = before.replace("objective_hours = 1\n", "objective_hours = 1\nkeep = 1\n");
    let offsite = site.path().join("offsite");
    let more = format!("[[backup.destination]]\nname = \"offsite\"\npath = \"{}\"\n", offsite.display());
    fs::write(&file, text + &more).expect("written");
    site
}

/// The numbers of the base backups at a place.
fn points(site: &Site, place: &str) -> Vec<u64> {
    let listed = site.json(0, &["backup", "list", place, "--json"]);
    let points = listed["places"][0]["points"].as_array().expect("a list");
    points.iter().map(|point| point["number"].as_u64().expect("a number")).collect()
}

#[test]
fn a_destination_that_was_away_gets_every_base_backup_that_it_missed() {
    let site = site();
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "run", "--base"]);
    assert_eq!(points(&site, "spool"), [1, 2], "what both had confirmed by then stays until the next one");
    fs::rename(site.path().join("building-b"), site.path().join("unplugged")).expect("it is unplugged");
    for _ in 0..3 {
        site.json(75, &["backup", "run", "--base", "--json"]);
    }
    assert_eq!(points(&site, "spool"), [2, 3, 4, 5], "one is kept, and the others are waited with");
    assert_eq!(points(&site, "offsite"), [1, 2, 3, 4, 5]);

    fs::rename(site.path().join("unplugged"), site.path().join("building-b")).expect("it is back");
    site.succeeds(&["backup", "run"]);
    assert_eq!(points(&site, "building-b"), [1, 2, 3, 4, 5]);
    site.succeeds(&["backup", "run", "--base"]);
    assert_eq!(points(&site, "spool"), [5, 6], "and then they go");
    let sound = site.json(0, &["backup", "verify", "--json"]);
    assert_eq!(sound["unread"], Value::Array(Vec::new()), "{sound:#}");
    server.stop();
}

#[test]
fn the_doctor_looks_at_what_runs_by_itself_and_sends_nothing() {
    let site = site();
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let told = site.path().join("told");
    let tell = site.path().join("tell");
    fs::write(&tell, format!("#!/bin/sh\ncat >> {}\n", told.display())).expect("written");
    let more = |command: &str| {
        format!("[notify]\ncommand = [\"{command}\"]\n[schedule.jobs]\nreport = \"0 7 * * *\"\nrun = \"0 0 30 2 *\"\n")
    };
    let finding = |subject: &str, code: i32| {
        let report = site.json(code, &["doctor", "--vault", "vault", "--json"]);
        let findings = report["findings"].as_array().expect("a list").clone();
        findings.into_iter().filter(|finding| finding["subject"] == subject).collect::<Vec<_>>()
    };
    fs::write(&file, format!("{text}{}", more(&tell.display().to_string()))).expect("written");
    let found = finding("command of notify", 16);
    assert_eq!(found[0]["state"], "bad", "it is not executable: {found:?}");
    fs::set_permissions(&tell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    assert_eq!(finding("command of notify", 16)[0]["state"], "good");
    assert!(!told.exists(), "nothing was sent");
    let schedule = finding("schedule", 16);
    assert_eq!(schedule[0]["detail"], "run has no time that ever comes", "{schedule:?}");
    assert_eq!(finding("scratch space of drills", 16)[0]["state"], "good");
}
