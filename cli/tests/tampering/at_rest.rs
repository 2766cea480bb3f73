//! The files of a vault that is not being served: changed, and served again.

use std::path::{Path, PathBuf};

use crate::campaign::{Campaign, Found};
use crate::change::put;
use crate::deed::{Deed, any_file};
use crate::examined::{ANYBODY, NOBODY, served_and_examined};
use crate::house::House;

/// A page of a database.
const PAGE: usize = 4096;
/// A frame of a write-ahead log, behind the log's header.
const FRAME: usize = 24 + PAGE;
/// A chunk of a document with what authenticates it.
const CHUNK: usize = 65_536 + 16;

/// Nobody has to find what is made anew.
const MADE_ANEW: &[&str] = &[];

/// How a change to a file of the vault comes to light; `derived` is what may be made anew without a word.
fn found(house: &House, file: &Path, bytes: &[u8], derived: bool) -> Found {
    if bytes == house.later(file) {
        return Found::Nothing;
    }
    let copy = house.copy();
    put(&copy.path().join(file), bytes);
    served_and_examined(&copy, derived)
}

fn at_random(kind: &'static str, files: &[PathBuf], part: usize, by: &'static [&'static str], few: usize) {
    let house = House::get();
    let files: Vec<_> = files.iter().filter(|file| !house.later(file).is_empty()).cloned().collect();
    assert!(!files.is_empty(), "there is such a file");
    let mut campaign = Campaign::begin(kind, few, by);
    campaign.run(|dice| {
        let file = any_file(dice, &files);
        let deed = Deed::any(dice, &house.evenings, file, &files, part);
        let what = format!("{} {deed:?}", file.display());
        let copy = house.copy();
        if !deed.done(&house.evenings, copy.path(), file) {
            return (what, Found::Nothing);
        }
        (what, served_and_examined(&copy, by.is_empty()))
    });
    campaign.end();
}

fn named(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| Path::new("vault").join(name)).collect()
}

#[test]
fn pages_of_the_databases() {
    at_random("database pages", &named(&["vault.db", "keyring.db", "audit.db"]), PAGE, ANYBODY, 12);
}

#[test]
fn write_ahead_logs() {
    at_random(
        "write-ahead logs",
        &named(&["vault.db-wal", "keyring.db-wal", "audit.db-wal"]),
        FRAME,
        &["start", "reading", NOBODY],
        8,
    );
}

#[test]
fn tables_of_page_digests() {
    let files = named(&["vault.db-pages", "keyring.db-pages", "audit.db-pages", "pages"]);
    at_random("digests of pages", &files, PAGE, &["start", "reading", "backup", NOBODY], 8);
}

#[test]
fn keys_and_identities() {
    at_random(
        "key files",
        &named(&["keys.json", "root.server.age", "root.recovery.age", "server.identity"]),
        64,
        &["start", "backup", NOBODY],
        8,
    );
}

/// What the vault knows outside its databases of where its backups stand, and of drills.
#[test]
fn heads_and_places() {
    let house = House::get();
    let [chain, drills] = ["vault/chain", "vault/drills"].map(|below| house.files(below));
    assert!(!chain.is_empty() && !drills.is_empty(), "there is some of each: {chain:?}, {drills:?}");
    at_random("heads and places", &[chain, drills].concat(), 64, &["start", "backup", NOBODY], 6);
}

#[test]
fn documents() {
    at_random("documents", &House::get().files("vault/documents"), CHUNK, &["reading"], 6);
}

#[test]
fn what_is_derived() {
    let (mut files, there) = (named(&["index.db", "index.db-wal", "tiles"]), House::get().files("vault"));
    files.retain(|file| there.contains(file));
    assert!(files.iter().any(|file| file.ends_with("tiles")), "a tile of the log is full: {files:?}");
    at_random("derived files", &files, PAGE, MADE_ANEW, 6);
}

/// Every page that had another content a day before, which is as authentic.
#[test]
fn pages_of_the_day_before() {
    let house = House::get();
    let mut campaign = Campaign::begin("pages of the day before", 1, ANYBODY);
    for file in named(&["vault.db", "keyring.db", "audit.db"]) {
        let (earlier, later) = (house.evenings.earlier(&file).expect("it was there"), house.later(&file));
        for at in (0..earlier.len().min(later.len())).step_by(PAGE) {
            let page = at..at + PAGE;
            if earlier[page.clone()] != later[page.clone()] {
                let mut bytes = later.clone();
                bytes[page.clone()].copy_from_slice(&earlier[page]);
                campaign
                    .note(&format!("{} page {}", file.display(), at / PAGE + 1), found(house, &file, &bytes, false));
            }
        }
    }
    campaign.end();
}

/// Every file as it was a day before.
#[test]
fn files_of_the_day_before() {
    let house = House::get();
    let mut campaign = Campaign::begin("files of the day before", 1, ANYBODY);
    let not = ["coffre.toml", "lock", "server.identity"];
    for file in house.files("vault") {
        let name = file.file_name().expect("a name").to_str().expect("text");
        let derived = ["index.db", "tiles"].iter().any(|derived| file.display().to_string().contains(derived));
        if not.contains(&name) || name.ends_with("-shm") {
            continue;
        }
        if let Some(earlier) = house.evenings.earlier(&file) {
            campaign.note(&file.display().to_string(), found(house, &file, &earlier, derived));
        }
    }
    campaign.end();
}
