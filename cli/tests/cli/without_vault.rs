//! A host that backs up another system and has no vault: its jobs run by themselves, are remembered, and are missed when they
//! do not run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::server::until;
use crate::telling::Follow;
use crate::transcript;

/// The host, with a folder that is backed up, and somebody who is told.
struct Host(tempfile::TempDir);

impl Host {
    fn new(schedule: &str) -> Self {
        let host = Self(tempfile::tempdir().expect("a temporary folder"));
        for folder in ["state", "share"] {
            fs::create_dir(host.path().join(folder)).expect("a folder");
        }
        fs::write(host.path().join("share/letter.txt"), "fictitious").expect("written");
        fs::write(host.path().join("password"), "correct horse").expect("written");
        fs::set_permissions(host.path().join("password"), fs::Permissions::from_mode(0o600)).expect("ours");
        let tell = host.path().join("tell");
        fs::write(&tell, format!("#!/bin/sh\ncat >> {}\n", host.path().join("told").display())).expect("written");
        fs::set_permissions(&tell, fs::Permissions::from_mode(0o755)).expect("ours");
        let text = format!(
            "environment = \"production\"\n[backup]\nstate = \"state\"\n[backup.restic]\nrepository = \"repository\"\n\
             password_file = \"password\"\n[[backup.source]]\nname = \"share\"\ndirectory = \"share\"\nsensitive = false\n\
             [notify]\nlanguage = \"en\"\ncommand = [\"{}\"]\n[schedule.jobs]\n{schedule}\n",
            tell.display()
        );
        fs::write(host.path().join("coffre.toml"), text).expect("written");
        host
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = transcript::run(self.path(), &[("COFFRE_CONFIG", "coffre.toml")], arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("output is text"))
    }

    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let (found, text) = self.run(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {text}");
        text
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ends(code, arguments)).expect("one JSON object")
    }

    fn told(&self) -> String {
        fs::read_to_string(self.path().join("told")).unwrap_or_default()
    }

    fn job(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path().join("state/jobs.json")).unwrap_or_default();
        serde_json::from_str::<Value>(&text).map(|jobs| jobs["jobs"][name].clone()).unwrap_or_default()
    }

    /// What was remembered of a job is from long ago.
    fn ran_long_ago(&self, name: &str) {
        let file = self.path().join("state/jobs.json");
        let mut jobs: Value = serde_json::from_str(&fs::read_to_string(&file).expect("it is there")).expect("JSON");
        for when in ["considered", "started", "ended", "last_success"] {
            jobs["jobs"][name][when] = "2026-01-05T00:00:00.000000Z".into();
        }
        fs::write(file, jobs.to_string()).expect("written");
    }
}

#[test]
fn jobs_of_a_host_without_a_vault_are_remembered_and_told_of() {
    let host = Host::new("sources = \"0 3 * * *\"");
    let doctor = host.json(0, &["doctor", "--json"]);
    assert!(doctor["findings"].to_string().contains("other systems only"), "{doctor:#}");
    // Nothing was backed up yet.
    assert_eq!(host.json(11, &["backup", "status", "--json"])["sources"][0]["within"], false);
    host.ends(0, &["backup", "source", "run", "--all", "--init"]);
    assert_eq!(host.job("sources")["code"], 0, "it is remembered");
    let status = host.json(0, &["backup", "status", "--json"]);
    assert_eq!(status["jobs"][0]["name"], "sources", "{status:#}");
    let report = host.json(0, &["backup", "report", "--json"]);
    assert_eq!((&report["well"], &report["facts"]["vault"]), (&true.into(), &Value::Null), "{report:#}");
    let page = host.path().join("page.html");
    let text = host.ends(0, &["backup", "report", "--html", page.to_str().expect("text")]);
    assert!(text.starts_with("All is well.") && text.contains("Other systems\n  ok    share"), "{text}");
    assert!(!text.contains("drills") && fs::read_to_string(page).expect("written").contains("share"), "{text}");

    fs::rename(host.path().join("share"), host.path().join("gone")).expect("ours");
    host.ends(75, &["backup", "source", "run", "--all"]);
    assert!(host.told().contains("[Coffre production] FAILED: sources (code 75)"), "{}", host.told());
    assert_eq!(host.job("sources")["failures"], 1);
    fs::rename(host.path().join("gone"), host.path().join("share")).expect("ours");
    host.ends(0, &["backup", "source", "run", "--all"]);
    assert!(host.told().contains("recovered: sources"), "{}", host.told());
}

#[test]
fn a_job_that_did_not_run_is_missed_and_made_up_for() {
    let host = Host::new("sources = \"0 3 * * *\"");
    host.ends(0, &["backup", "source", "run", "--all", "--init"]);
    host.ran_long_ago("sources");
    let text = host.ends(11, &["backup", "status"]);
    assert!(text.contains("LATE  job sources: it did not succeed at its times"), "{text}");
    let report = host.json(0, &["backup", "report", "--send", "--json"]);
    assert_eq!(report["problems"][0]["job-late"], "sources", "{report:#}");
    assert!(host.told().contains("the job \"sources\" did not succeed at its times"), "{}", host.told());
    let follow = Follow::start(host.path());
    until("it is made up for", || host.job("sources")["last_success"].as_str() > Some("2026-06"));
    assert_eq!(follow.stop(), Some(0));
    host.ends(0, &["backup", "status"]);
}

#[test]
fn a_job_that_needs_a_vault_is_refused_where_there_is_none() {
    let host = Host::new("run = \"5 * * * *\"");
    for verb in [&["backup", "status"][..], &["backup", "follow"], &["backup", "source", "run", "--all"]] {
        let text = host.ends(2, verb);
        assert!(text.contains("has a job that needs a vault"), "{text}");
    }
    let idle = Host::new("");
    let text = idle.ends(2, &["backup", "follow"]);
    assert!(text.contains("neither a vault to follow nor a job to run"), "{text}");
}
