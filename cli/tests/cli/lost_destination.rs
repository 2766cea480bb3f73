//! A destination that is lost for a while: everything it has not confirmed stays in the spool for it, and is there when it
//! comes back. And what the doctor says of what runs by itself.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::server::until;
use crate::site::{Site, strs};

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
    let metrics = server.caller("nobody").get("/metrics").text().to_owned();
    let behind = |name: &str| {
        let line = format!("coffre_destination_behind_bytes{{destination=\"{name}\"}} ");
        let value = metrics.lines().find_map(|found| found.strip_prefix(&line));
        value.unwrap_or_else(|| panic!("{line} is missing in {metrics}")).parse::<u64>().expect("a number")
    };
    assert!(behind("building-b") > 100_000 && behind("offsite") < behind("building-b"), "{metrics}");

    fs::rename(site.path().join("unplugged"), site.path().join("building-b")).expect("it is back");
    site.succeeds(&["backup", "run"]);
    assert_eq!(points(&site, "building-b"), [1, 2, 3, 4, 5]);
    site.succeeds(&["backup", "run", "--base"]);
    assert_eq!(points(&site, "spool"), [5, 6], "and then they go");
    let sound = site.json(0, &["backup", "verify", "--json"]);
    assert_eq!(sound["unread"], Value::Array(Vec::new()), "{sound:#}");
    server.stop();
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// All at once, whatever is being written into it.
fn lose_the_spool(site: &Site) {
    for side in ["main", "keyring"] {
        let lost = site.path().join("lost");
        fs::rename(site.path().join("spool").join(side), &lost).expect("it is there");
        until("it is gone", || fs::remove_dir_all(&lost).is_ok());
    }
}

#[test]
fn a_spool_that_is_lost_with_all_its_copies_elsewhere_loses_nothing() {
    let site = site();
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    lose_the_spool(&site);
    site.succeeds(&["application", "add", "sales", "--role", "sales"]);
    site.succeeds(&["backup", "run", "--base"]);
    server.stop();
    for place in ["building-b", "offsite"] {
        site.json(0, &["backup", "verify", place, "--json"]);
    }
    let restore = site.restore("building-b", "again", &[]);
    site.succeeds(&restore.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(site.succeeds(&["application", "list", "--vault", "again"]).contains("sales"));
}

#[test]
fn a_spool_that_is_lost_is_begun_anew_and_every_destination_takes_what_follows() {
    let site = site();
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    let captured = files_below(&site.path().join("spool/main"));
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    let nothing_waits = "coffre_capture_lag_seconds 0.000000";
    until("it is captured", || {
        server.caller("nobody").get("/metrics").text().lines().any(|line| line == nothing_waits)
    });
    assert!(files_below(&site.path().join("spool/main")) > captured);
    // What no destination has goes with it.
    lose_the_spool(&site);
    site.succeeds(&["application", "add", "sales", "--role", "sales"]);
    // Nobody can tell who removed it, but somebody who knows.
    let refused = site.json(12, &["backup", "run", "--base", "--json"]);
    assert!(refused.to_string().contains("chain of generation"), "{refused:#}");
    assert!(refused.to_string().contains("has nothing at positions"), "{refused:#}");
    site.succeeds(&["backup", "run", "--base", "--spool-lost"]);
    site.succeeds(&["application", "add", "billing", "--role", "billing"]);
    site.succeeds(&["backup", "run"]);
    server.stop();
    let sound = site.json(0, &["backup", "verify", "--json"]);
    assert_eq!(sound["unread"], Value::Array(Vec::new()), "{sound:#}");
    let points = points(&site, "building-b");
    assert_eq!(points.len(), 2, "{points:?}");
    let listed = site.json(0, &["backup", "list", "building-b", "--json"]);
    let first = format!("{}/1", listed["places"][0]["points"][0]["generation"].as_str().expect("a generation"));
    for (to, more) in [("newest", &[][..]), ("first", &["--point", &first])] {
        let restore = site.restore("building-b", to, more);
        site.succeeds(&restore.iter().map(String::as_str).collect::<Vec<_>>());
        let known = site.succeeds(&["application", "list", "--vault", to]);
        assert!(known.contains("billing"), "what is not a record is the newest there is: {known}");
    }
}

#[test]
fn whoever_restores_from_a_destination_that_is_late_is_told_which_one_goes_further() {
    let site = site();
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    fs::rename(site.path().join("building-b"), site.path().join("unplugged")).expect("it is unplugged");
    site.succeeds(&["application", "add", "sales", "--role", "sales"]);
    site.json(75, &["backup", "run", "--base", "--json"]);
    server.stop();
    fs::rename(site.path().join("unplugged"), site.path().join("building-b")).expect("it is back");
    let planned = |from: &str| {
        let (code, out, error) = site.run(&strs(&site.restore(from, "again", &["--plan"])));
        assert_eq!(code, Some(0), "{out}{error}");
        error
    };
    let late = planned("building-b");
    assert!(late.contains("note: offsite goes further, to 20") && late.contains("restore from there"), "{late}");
    assert!(late.contains("note: the spool (") && late.contains("spool) goes further, to 20"), "{late}");
    assert_eq!(planned("offsite"), "");
    fs::rename(site.path().join("offsite"), site.path().join("away")).expect("it is away");
    let unknown = planned("building-b");
    assert!(unknown.contains("note: whether offsite goes further is not known: "), "{unknown}");
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
