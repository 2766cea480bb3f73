//! Parts of a vault, its spool and its destination as they were a day before, which is as authentic, and any of them
//! together. Only where every place that keeps a head of the log was set back is the vault what it was then: whoever keeps
//! a head elsewhere, as the data protection officer does, finds that.

use std::fs;
use std::path::Path;

use crate::campaign::{Campaign, Found};
use crate::dice::Dice;
use crate::evenings::{self, Way};
use crate::examined::{NOBODY, served_and_examined};
use crate::house::{Copy, House};

const ELSEWHERE: &str = "whoever keeps a head elsewhere";

/// What is set back together or not at all.
const PARTS: [&[&str]; 15] = [
    &["vault/vault.db", "vault/vault.db-wal"],
    &["vault/keyring.db", "vault/keyring.db-wal"],
    &["vault/audit.db", "vault/audit.db-wal"],
    &["vault/index.db", "vault/index.db-wal"],
    &["vault/pages", "vault/vault.db-pages", "vault/keyring.db-pages", "vault/audit.db-pages"],
    &["vault/keys.json", "vault/root.server.age", "vault/root.recovery.age"],
    &["vault/chain"],
    &["vault/tiles"],
    &["vault/drills"],
    &["vault/documents"],
    &["spool/main"],
    &["spool/keyring"],
    &["building-b/main"],
    &["building-b/keyring"],
    &["state"],
];
/// Who finds it, of each alone. What is derived, or only says where backups stand, is made anew or caught up with.
const ALONE: [&str; 15] = [
    "start", "start", "start", NOBODY, "start", "backup", NOBODY, NOBODY, NOBODY, "reading", "backup", "verify",
    "backup", "backup", NOBODY,
];
/// The places that keep a head, and the log.
const HEADS: [&str; 4] = ["vault/audit.db", "vault/chain", "spool/main", "building-b/main"];

/// Some of them: few, many, or nearly all.
fn some(dice: &mut Dice) -> Vec<&'static [&'static str]> {
    let share = [8, 25, 60, 90][dice.below(4)];
    let mut chosen: Vec<_> = PARTS.into_iter().filter(|_| dice.percent(share)).collect();
    if chosen.is_empty() {
        chosen.push(PARTS[dice.below(PARTS.len())]);
    }
    chosen
}

/// Puts a file or folder back; what was not there is not there.
fn set_back(house: &House, copy: &Path, what: &str) {
    let (from, to) = (house.evenings.before.path().join(what), copy.join(what));
    if to.is_dir() {
        fs::remove_dir_all(&to).expect("ours");
    } else {
        fs::remove_file(&to).ok();
    }
    if from.is_dir() {
        evenings::copy(&from, &to, &|_| Way::Linked);
    } else if from.exists() {
        fs::copy(&from, &to).expect("copied");
    }
}

fn found(copy: &Copy<'_>, chosen: &[&[&str]]) -> Found {
    let verified = copy.run(&["backup", "verify", "spool", "building-b"]);
    let found = match served_and_examined(copy, false) {
        // Whatever else was served: there is nobody left on this host and at its destination who could know.
        Found::Not(_) if HEADS.iter().all(|head| chosen.iter().any(|part| part.contains(head))) => {
            if copy.goes_on_from_the_head_known_elsewhere() {
                return Found::Not("the log is not older than the head".to_owned());
            }
            return Found::By(ELSEWHERE);
        }
        found => found,
    };
    match (verified, found) {
        (_, Found::Not(why)) => Found::Not(why),
        ((12, _), Found::By(NOBODY)) => Found::By("verify"),
        ((0 | 12 | 11, _), found) => found,
        ((code, told), _) => Found::Not(format!("verify ended with {code}: {told}")),
    }
}

#[test]
fn parts_of_the_day_before() {
    let house = House::get();
    let mut campaign = Campaign::begin(
        "parts of the day before",
        12,
        &["verify", ELSEWHERE, "start", "reading", "backup", "drill", NOBODY],
    );
    campaign.run(|dice| {
        let (chosen, copy) = (some(dice), house.copy());
        for what in chosen.iter().copied().flatten() {
            set_back(house, copy.path(), what);
        }
        (format!("{chosen:?}"), found(&copy, &chosen))
    });
    campaign.end();
}

/// One part at a time, each found by the same one always.
#[test]
fn each_part_of_the_day_before_alone() {
    let house = House::get();
    let found = PARTS.map(|part| {
        let copy = house.copy();
        for what in part {
            set_back(house, copy.path(), what);
        }
        found(&copy, &[part])
    });
    for (part, (found, by)) in PARTS.iter().zip(found.iter().zip(ALONE)) {
        assert_eq!(*found, Found::By(by), "{part:?}");
    }
}
