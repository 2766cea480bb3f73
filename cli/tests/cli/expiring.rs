//! Copies of the keyring expire at a destination, from a host that has neither vault nor spool.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use coffre_core::time::Timestamp;
use coffre_store::clock::{Clock, SystemClock, SystemEntropy};
use coffre_store::{Identity, InitPlan, Layout, OpenOptions, Store};
use serde_json::Value;

use crate::site::{Site, files};

const DAY: i64 = 86_400;

/// The time so many seconds ago.
struct Ago(AtomicI64);

impl Clock for Ago {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_seconds(-self.0.load(Ordering::SeqCst))
    }
}

/// A site whose vault was made six weeks ago and backed up on some days since, and the configuration of a host that keeps
/// its destination.
fn aged() -> Site {
    let site = Site::new();
    let vault = site.path().join("vault");
    fs::remove_dir_all(&vault).expect("it was made");
    let clock = Arc::new(Ago(AtomicI64::new(45 * DAY)));
    let plan = InitPlan {
        environment: "recette".parse().expect("a name"),
        recovery_recipient: None,
        recovery_identity_file: site.path().join("older.recovery-identity"),
    };
    let made = coffre_store::init(&vault, &plan, &*clock, &mut SystemEntropy).expect("made");
    let pins = format!(
        "environment = \"recette\"\nvault_id = \"{}\"\nverification_key = \"{}\"\n",
        made.vault, made.verification_key
    );
    let ours = "vault = \"vault\"\n[backup]\nspool = \"spool\"\nstate = \"state\"\n\
                [[backup.destination]]\nname = \"building-b\"\npath = \"building-b\"\n";
    fs::write(site.path().join("coffre.toml"), format!("{pins}{ours}")).expect("written");
    let theirs = "[backup]\nstate = \"keeper\"\n[[backup.destination]]\nname = \"here\"\npath = \"building-b\"\n";
    fs::create_dir(site.path().join("keeper")).expect("a folder");
    fs::write(site.path().join("keeper.toml"), format!("{pins}{theirs}")).expect("written");

    let identity = Identity::read(&Layout::new(&vault).server_identity()).expect("it is there");
    let options = OpenOptions { indexes: Vec::new(), clock: Arc::<Ago>::clone(&clock), readers: 1 };
    let store = Store::open(&vault, &identity, &options).expect("it opens");
    for days in [44, 40, 37, 30, 1] {
        clock.0.store(days * DAY, Ordering::SeqCst);
        store.capture(&site.path().join("spool"), 2.try_into().expect("two"), "coffre test").expect("captured");
        let (_, out, error) = site.run(&["backup", "run"]);
        assert!(out.contains("building-b"), "{out}{error}");
    }
    site
}

fn keeper(site: &Site, arguments: &[&str]) -> (Option<i32>, String, Value) {
    let all = [&["--config", "keeper.toml", "backup", "expire-keyring"], arguments].concat();
    let (code, out, error) = site.run(&all);
    let last = out.lines().last().unwrap_or_default();
    let value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no line of JSON at the end: {out}{error}"));
    (code, out, value)
}

fn copies(folder: &Path) -> usize {
    let keyring = files(&folder.join("keyring"));
    keyring.iter().filter(|file| file.extension().is_some_and(|kind| kind == "base")).count()
}

#[test]
fn the_host_of_a_destination_looks_first_then_removes_what_is_old_and_nothing_twice() {
    let site = aged();
    let place = site.path().join("building-b");
    assert_eq!(copies(&place), 5);

    let (code, out, told) = keeper(&site, &["--dry-run"]);
    assert_eq!((code, copies(&place)), (Some(0), 5), "{out}");
    let planned = &told["destinations"][0];
    let expires: Vec<bool> =
        planned["copies"].as_array().expect("a list").iter().map(|copy| copy["expires"] == true).collect();
    assert_eq!(expires, [true, true, true, false, false], "{told:#}");
    assert_eq!((&planned["dry_run"], &planned["removed"]), (&true.into(), &0.into()));
    for told in
        ["expires", "stays: the newest manifest promises it", "stays: the newest whole chain", "ages are counted to"]
    {
        assert!(out.contains(told), "{told} is not in {out}");
    }

    let (code, out, told) = keeper(&site, &[]);
    assert_eq!((code, copies(&place)), (Some(0), 2), "{out}");
    assert_eq!(told["destinations"][0]["removed"], 6, "three bases and their manifests: {told:#}");
    assert_eq!(told["exit_code"], 0);
    let (code, _, told) = keeper(&site, &["here"]);
    assert_eq!((code, &told["destinations"][0]["removed"]), (Some(0), &0.into()), "{told:#}");

    let sound = site.json(0, &["backup", "verify", "building-b", "--json"]);
    assert_eq!(sound["places"][0]["points"], 5, "every point still restores: {sound:#}");
    let (_, out, _) = site.run(&["backup", "run"]);
    assert!(out.contains("building-b") && copies(&place) == 2, "what expired is not sent again: {out}");
    let jobs = fs::read_to_string(site.path().join("keeper/jobs.json")).expect("it is remembered");
    assert!(jobs.contains("\"expire-keyring\""), "{jobs}");
}

#[test]
fn a_destination_that_is_not_there_or_not_known_is_told_and_removes_nothing() {
    let site = aged();
    let (code, _, told) = keeper(&site, &["building-b"]);
    assert_eq!((code, &told["exit_code"]), (Some(2), &2.into()), "{told:#}");
    fs::rename(site.path().join("building-b"), site.path().join("unplugged")).expect("it is unplugged");
    let (code, out, told) = keeper(&site, &[]);
    assert_eq!((code, &told["destinations"][0]["exit_code"]), (Some(75), &75.into()), "{told:#}");
    assert!(out.contains("FAILED  here: ") && out.contains("is not there"), "{out}");
    assert_eq!(copies(&site.path().join("unplugged")), 5);
    // A vault's verbs are not for such a host.
    let (code, _, error) = site.run(&["--config", "keeper.toml", "backup", "run"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("names no spool"), "{error}");
}
