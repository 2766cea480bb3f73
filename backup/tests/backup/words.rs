//! The three words of a place, told apart: *consistent*, *complete*, *restorable to* a moment. Each can fail alone.

use std::fs;

use coffre_backup::Sources;
use coffre_backup::destination::FileSystem;
use coffre_backup::restore::{self, LostLog};
use coffre_backup::ship::KnownPoint;
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_core::spool::Wanted;
use coffre_core::time::Timestamp;

use crate::busy::{busy, is_newest};
use crate::vault::Vault;

/// How the names of bases end.
const BASE: &str = ".base";

fn verified(vault: &Vault, sources: &Sources<'_>) -> Verified {
    verify(sources, &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap()
}

/// The words of the spool.
fn words(vault: &Vault) -> (bool, bool, Option<Timestamp>) {
    let found = verified(vault, &Sources::both(&vault.source()));
    (found.is_consistent(), found.is_complete(), found.restorable_to)
}

/// Files of the spool whose path contains this, sorted.
fn files(vault: &Vault, part: &str) -> Vec<String> {
    Vault::files(&vault.spool()).into_iter().filter(|file| file.contains(part)).collect()
}

fn flip(vault: &Vault, file: &str) {
    let path = vault.spool().join(file);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn remove(vault: &Vault, file: &str) {
    fs::remove_file(vault.spool().join(file)).unwrap();
}

/// Whether the blind half of a restore of the newest comes to its end.
fn restores(vault: &Vault) -> bool {
    let (place, to) = (vault.source(), tempfile::tempdir().unwrap());
    let sources = Sources::both(&place);
    restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ())
        .is_ok_and(|plan| restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).is_ok())
}

#[test]
fn what_is_whole_is_all_three() {
    let vault = busy();
    assert_eq!(words(&vault), (true, true, Some(vault.now)));
    assert!(restores(&vault));
}

#[test]
fn what_was_changed_and_is_not_needed_for_the_newest_is_not_consistent_and_nothing_else() {
    for part in ["/vault/", "/audit/", "/keyring/"] {
        let vault = busy();
        // The second object of a chain: a segment before the newest base.
        let older = &files(&vault, part)[1];
        assert!(older.ends_with(".segment"), "{older}");
        flip(&vault, older);
        assert_eq!(words(&vault), (false, true, Some(vault.now)), "{older}");
        assert!(restores(&vault), "{older}");
    }
}

#[test]
fn what_was_removed_and_is_not_needed_for_the_newest_is_not_complete_and_nothing_else() {
    for part in ["/vault/", "/audit/", "/keyring/"] {
        let vault = busy();
        let older = &files(&vault, part)[2];
        assert!(older.ends_with(".segment"), "{older}");
        remove(&vault, older);
        assert_eq!(words(&vault), (true, false, Some(vault.now)), "{older}");
        assert!(restores(&vault), "{older}");
    }
}

#[test]
fn a_place_that_holds_nothing_is_not_restorable_and_nothing_else() {
    let (vault, empty) = (busy(), tempfile::tempdir().unwrap());
    let found = verified(&vault, &Sources::both(&FileSystem::new(empty.path())));
    assert_eq!((found.is_consistent(), found.is_complete(), found.restorable_to), (true, true, None));
}

#[test]
fn the_newest_segment_of_a_chain_that_is_gone_is_missed_by_what_names_it() {
    for (chain, complete) in [("/vault/", false), ("/keyring/", false), ("/audit/", true)] {
        let vault = busy();
        remove(&vault, files(&vault, chain).iter().rfind(|file| file.ends_with(".segment")).unwrap());
        // Nothing names the newest of the log: what was known of the place does, and the moment is told truly.
        assert_eq!(words(&vault), (true, complete, Some(vault.now.plus_seconds(-1))), "{chain}");
    }
}

#[test]
fn an_older_base_and_all_segments_reach_past_one_beside_the_chains() {
    let vault_base = |vault: &Vault| files(vault, "/vault/").into_iter().rfind(|file| file.ends_with(BASE)).unwrap();
    for (part, newest) in [("the vault's", vault_base as fn(&Vault) -> String), ("the log's", Vault::newest_piece)] {
        let vault = busy();
        flip(&vault, &newest(&vault));
        assert_eq!(words(&vault), (false, true, Some(vault.now)), "{part}");
        assert!(!restores(&vault), "{part}: it is not what was asked for");
        let (place, to) = (vault.source(), tempfile::tempdir().unwrap());
        let sources = Sources::both(&place);
        let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Accept, &mut ()).unwrap();
        restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap();
        is_newest(&vault, &to);
    }
}

#[test]
fn what_the_newest_rests_on_moves_the_moment_back_to_what_is_left() {
    // The last moment before the second base, which stands in the chains.
    let before = |vault: &Vault| Some(vault.now.plus_seconds(-3 - 1 - 3 - 86_400));
    for part in [".base", "/inventories/", "/documents/"] {
        let vault = busy();
        // Nothing can be said by the one beside the chains.
        flip(&vault, &files(&vault, "/vault/").into_iter().rfind(|file| file.ends_with(BASE)).unwrap());
        let newest = match part {
            ".base" => files(&vault, "/vault/").into_iter().rev().filter(|file| file.ends_with(part)).nth(1).unwrap(),
            // Which inventory is the second one's: the second largest, with a document less than the newest.
            "/inventories/" => {
                let size = |file: &String| vault.spool().join(file).metadata().unwrap().len();
                let mut all = files(&vault, part);
                all.sort_by_key(size);
                all.into_iter().rev().nth(1).unwrap()
            }
            _ => {
                let (name, _) = &vault.documents()[vault.documents().len() - 1];
                files(&vault, part).into_iter().find(|file| file.ends_with(&name.to_string())).unwrap()
            }
        };
        flip(&vault, &newest);
        let expected = match part {
            // Brought by the first segment after the one beside the chains.
            "/documents/" => Some(vault.now.plus_seconds(-4)),
            _ => before(&vault),
        };
        assert_eq!(words(&vault), (false, true, expected), "{newest}");
        assert!(!restores(&vault), "{newest}");
    }
}

#[test]
fn a_keyring_at_fault_opens_nothing_and_a_snapshot_has_none() {
    let vault = busy();
    let place = vault.source();
    let main_only = Sources { keyring: None, ..Sources::both(&place) };
    let found = verified(&vault, &main_only);
    assert_eq!((found.restorable_to, found.keyring_elsewhere), (Some(vault.now), true));
    let newest = files(&vault, "/keyring/").into_iter().rfind(|file| file.contains(".base")).unwrap();
    flip(&vault, &newest);
    assert_eq!(words(&vault), (false, true, None));
}
