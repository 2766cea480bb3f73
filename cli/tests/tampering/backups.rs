//! The objects of a spool, a destination and a repository: changed, removed, in each other's place, and once authentic.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::campaign::{Campaign, Found};
use crate::change::Change;
use crate::deed::{Deed, any_file};
use crate::examined::NOBODY;
use crate::house::{Copy, House};

/// How far the chains went beyond the newest base.
const THE_VAULT: &str = "the vault";
const PASSWORD: &str = "the password, which does not open it any more";
const NONE: &str = "verify, which finds no repository";
const SNAPSHOT: &str = "nobody, since the newest snapshot is whole";
const EXPIRED: &str = "nobody, since copies of the keyring may go when their time is over";
const READING: &str = "whoever reads it";

/// A page: objects are made of them.
const PAGE: usize = 4096;

/// Whether a file is the manifest of a copy of the keyring whose time is over.
fn is_expired(file: &Path, told: &str) -> bool {
    let is_manifest = file.parent().is_some_and(|folder| folder.ends_with("manifests"));
    let of_keyring = file.components().any(|part| part.as_os_str() == "keyring");
    of_keyring && is_manifest && told.contains("is past its retention") && told.contains("is in no manifest: left over")
}

/// Whether the vault, started again, misses what it captured.
fn is_missed(copy: &Copy<'_>) -> bool {
    let Ok(server) = copy.serve() else { return false };
    let metrics = server.caller("nobody");
    let end = Instant::now() + Duration::from_mins(1);
    while Instant::now() < end {
        if metrics.get("/metrics").text().contains("\ncoffre_capture_begun_anew_total 1\n") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

fn at_random(kind: &'static str, place: &str, verb: &[&str], by: &'static [&'static str], few: usize) {
    let house = House::get();
    let mut files = house.files(place);
    // Of whoever works there, not of what is kept: locks, and restic's own way of saying which files are in use.
    files.retain(|file| !file.display().to_string().contains("lock"));
    let as_it_was = if place == "repository" { house.whole_copy() } else { house.copy() }.run(verb);
    assert_eq!(as_it_was.0, 0, "as it was nothing is found: {}", as_it_was.1);
    let mut campaign = Campaign::begin(kind, few, by);
    campaign.run(|dice| {
        let file = any_file(dice, &files);
        let deed = Deed::any(dice, &house.evenings, file, &files, PAGE);
        let copy = if place == "repository" { house.whole_copy() } else { house.copy() };
        let what = format!("{} {deed:?}", file.display());
        if !deed.done(&house.evenings, copy.path(), file) {
            return (what, Found::Nothing);
        }
        let found = match copy.run(verb) {
            (12, _) => Found::By("verify"),
            // restic's own keys are under its password.
            (15, told) if file.starts_with("repository/keys") && told.contains("the password does not open") => {
                Found::By(PASSWORD)
            }
            // It cannot tell a repository without its configuration from a disk that is not mounted.
            (75, told) if file.ends_with("config") && told.contains("is no restic repository") => Found::By(NONE),
            // Snapshots are what restic's own upkeep removes; the newest one is known and has everything.
            (0, told) if file.starts_with("repository/snapshots") && told == as_it_was.1 => Found::By(SNAPSHOT),
            // `expire-keyring` removes it with the copies that it names, which are told as left over then.
            (0, told) if matches!(deed, Deed::Removed) && is_expired(file, &told) => Found::By(EXPIRED),
            (1, told) if place == "state" && told.contains(".json is damaged: ") => Found::By(READING),
            // What is remembered tells what is missing at a place; what is there proves itself.
            (0, told) if place == "state" && told == as_it_was.1 => Found::By(NOBODY),
            // How far the chains went beyond the newest base only the vault can tell.
            (0, _) if place == "spool" && is_missed(&copy) => Found::By(THE_VAULT),
            (code, told) => Found::Not(format!("{code}: {told}")),
        };
        (what, found)
    });
    campaign.end();
}

/// What a destination has of both days: the side, the folder, the extension.
const OBJECTS: [(&str, &str, &str); 11] = [
    ("main", "vault", "base"),
    ("main", "vault", "segment"),
    ("main", "audit", "segment"),
    ("main", "pieces", "pages"),
    ("main", "manifests", "note"),
    ("main", "inventories", "txt"),
    ("main", "keys", "json"),
    ("main", "recovery", "age"),
    ("main", "documents", ""),
    ("keyring", "keyring", "base"),
    ("keyring", "manifests", "note"),
];

#[test]
fn objects_of_a_destination() {
    let files = House::get().files("building-b");
    for (side, folder, extension) in OBJECTS {
        let is_there = files.iter().any(|file| {
            file.starts_with(Path::new("building-b").join(side))
                && file.components().skip(2).any(|part| part.as_os_str() == folder)
                && file.extension().unwrap_or_default() == extension
        });
        assert!(is_there, "no {side}/…/{folder}/….{extension} is changed: {files:?}");
    }
    at_random("objects of a destination", "building-b", &["backup", "verify", "building-b"], &["verify", EXPIRED], 40);
}

#[test]
fn objects_of_the_spool() {
    at_random("objects of the spool", "spool", &["backup", "verify", "spool"], &["verify", EXPIRED, THE_VAULT], 40);
}

/// What the backup account remembers is not signed: changed, it is refused, or tells of a backup that never was, or of nothing.
#[test]
fn what_the_backup_account_remembers() {
    let by = &["verify", READING, NOBODY];
    at_random("what is remembered of backups", "state", &["backup", "verify", "building-b"], by, 8);
}

#[test]
fn files_of_the_repository() {
    let by = &["verify", PASSWORD, NONE, SNAPSHOT];
    at_random("files of the repository", "repository", &["backup", "verify", "restic"], by, 4);
}

/// The newest one may have no other base than the one before: it is missed by how far its segments went.
#[test]
fn the_newest_snapshot_is_missed_and_an_older_one_is_not() {
    let house = House::get();
    let mut snapshots = house.files("repository/snapshots");
    let made = |file: &PathBuf| house.evenings.after.path().join(file).metadata().and_then(|found| found.modified());
    snapshots.sort_by_key(|file| made(file).expect("it is there"));
    let (oldest, newest) = (&snapshots[0], &snapshots[snapshots.len() - 1]);
    let without = |snapshot: &Path| {
        let copy = house.whole_copy();
        std::fs::remove_file(copy.path().join(snapshot)).expect("it is there");
        copy.run(&["backup", "verify", "restic"])
    };
    let (code, told) = without(newest);
    assert!(code == 12 && told.contains(".segment was here before"), "{code}: {told}");
    let (code, told) = without(oldest);
    assert_eq!(code, 0, "{told}");
}

/// What was changed at the destination is not restored either, whatever `verify` says.
#[test]
fn nothing_changed_is_restored() {
    let house = House::get();
    let files: Vec<_> = house.files("building-b").into_iter().filter(|file| !house.later(file).is_empty()).collect();
    let as_it_was = house.copy();
    let restore = as_it_was.restore("building-b", "again");
    let (code, told) = as_it_was.run(&restore.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code, 0, "as it was it is restored: {told}");
    let mut campaign = Campaign::begin("restores of changed objects", 4, &["restore", NOBODY]);
    campaign.run(|dice| {
        let file = any_file(dice, &files);
        let change = Change::any(dice, house.later(file).len(), PAGE);
        let copy = house.copy();
        let what = format!("{} {change:?}", file.display());
        if !Deed::Bytes(change).done(&house.evenings, copy.path(), file) {
            return (what, Found::Nothing);
        }
        let restore = copy.restore("building-b", "again");
        let (code, told) = copy.run(&restore.iter().map(String::as_str).collect::<Vec<_>>());
        if code == 12 {
            return (what, Found::By("restore"));
        }
        // An object that the newest state does not need: what came of it is the vault as it was.
        copy.take_the_place_of_the_vault("again");
        let found = match (code, copy.serve()) {
            (0, Ok(server)) => match house.picture.likeness_of_content(&copy.picture(&server)) {
                None => Found::By(NOBODY),
                Some(other) => Found::Not(other),
            },
            (_, Ok(_)) => Found::Not(format!("{code}: {told}")),
            (_, Err(log)) => Found::Not(format!("{code}: {told}{log}")),
        };
        (what, found)
    });
    campaign.end();
}
