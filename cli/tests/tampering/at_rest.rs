//! The files of a vault that is not being served: changed, and served again.

use std::path::{Path, PathBuf};

use crate::campaign::{Campaign, Found};
use crate::change::{Change, put};
use crate::dice::Dice;
use crate::house::House;
use crate::picture::Likeness;

/// A page of a database.
const PAGE: usize = 4096;
/// A frame of a write-ahead log, behind the log's header.
const FRAME: usize = 24 + PAGE;
/// A chunk of a document with what authenticates it.
const CHUNK: usize = 65_536 + 16;

/// How a change to a file of the vault comes to light; `derived` is what may be made anew without a word.
fn found(house: &House, file: &Path, bytes: &[u8], derived: bool) -> Found {
    if bytes == house.later(file) {
        return Found::Nothing;
    }
    let copy = house.copy();
    put(&copy.path().join(file), bytes);
    let server = match copy.serve() {
        Ok(server) => server,
        Err(log) if log.contains("help: ") => return Found::By("start"),
        Err(log) => return Found::Not(format!("it ended without a remedy: {log}")),
    };
    let likeness = house.picture.likeness(&copy.picture(&server));
    match likeness {
        Likeness::Other(what) => return Found::Not(what),
        Likeness::Refused if derived => return Found::Not("what is derived kept the vault from answering".to_owned()),
        Likeness::Refused => return Found::By("reading"),
        Likeness::Same if derived => {
            server.stop();
            return Found::MadeAnew;
        }
        Likeness::Same => {}
    }
    // Nothing of what was asked rests on it. A drill reads everything.
    let (ran, told) = copy.run(&["backup", "run", "--base"]);
    if ran != 0 {
        return Found::By("backup");
    }
    let (drilled, held) = copy.run(&["drill", "--json"]);
    if drilled != 0 {
        return Found::By("drill");
    }
    server.stop();
    match copy.run(&["audit", "verify", "--vault", "vault"]) {
        // Every page, value and document is as the log says, and everything that was asked as well: the bytes were past
        // their time, as those of a page whose successor waits in the write-ahead log.
        (0, _) => Found::By("nobody, since nothing rests on it"),
        (_, _) if told.is_empty() || held.is_empty() => Found::Not("a verb said nothing".to_owned()),
        _ => Found::By("audit verify"),
    }
}

fn at_random(kind: &'static str, files: &[PathBuf], part: usize, derived: bool, few: usize) {
    let house = House::get();
    let files: Vec<_> = files.iter().filter(|file| !house.later(file).is_empty()).collect();
    assert!(!files.is_empty(), "there is such a file");
    let mut campaign = Campaign::begin(kind, few);
    campaign.run(|dice: &mut Dice| {
        let file = files[dice.below(files.len())];
        let bytes = house.later(file);
        let change = Change::any(dice, bytes.len(), part);
        (format!("{} {change:?}", file.display()), found(house, file, &change.of(&bytes), derived))
    });
    campaign.end();
}

fn named(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| Path::new("vault").join(name)).collect()
}

#[test]
fn pages_of_the_databases() {
    at_random("database pages", &named(&["vault.db", "keyring.db", "audit.db"]), PAGE, false, 12);
}

#[test]
fn write_ahead_logs() {
    at_random("write-ahead logs", &named(&["vault.db-wal", "keyring.db-wal", "audit.db-wal"]), FRAME, false, 8);
}

#[test]
fn tables_of_page_digests() {
    let files = named(&["vault.db-pages", "keyring.db-pages", "audit.db-pages", "pages"]);
    at_random("digests of pages", &files, PAGE, false, 8);
}

#[test]
fn keys_and_identities() {
    at_random("key files", &named(&["keys.json", "root.server.age", "root.recovery.age"]), 64, false, 8);
}

#[test]
fn documents() {
    at_random("documents", &House::get().files("vault/documents"), CHUNK, false, 6);
}

#[test]
fn what_is_derived() {
    let mut files = named(&["index.db", "index.db-wal"]);
    files.retain(|file| House::get().files("vault").contains(file));
    files.extend(House::get().files("vault/tiles"));
    at_random("derived files", &files, PAGE, true, 6);
}

/// Every page that had another content a day before, which is as authentic.
#[test]
fn pages_of_the_day_before() {
    let house = House::get();
    let mut campaign = Campaign::begin("pages of the day before", 1);
    for file in named(&["vault.db", "keyring.db", "audit.db"]) {
        let (earlier, later) = (house.earlier(&file).expect("it was there"), house.later(&file));
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
    let mut campaign = Campaign::begin("files of the day before", 1);
    let not = ["coffre.toml", "lock", "server.identity"];
    for file in house.files("vault") {
        let name = file.file_name().expect("a name").to_str().expect("text");
        let derived = ["index.db", "tiles"].iter().any(|derived| file.display().to_string().contains(derived));
        if not.contains(&name) || name.ends_with("-shm") {
            continue;
        }
        if let Some(earlier) = house.earlier(&file) {
            campaign.note(&file.display().to_string(), found(house, &file, &earlier, derived));
        }
    }
    campaign.end();
}
