//! Which copies of the keyring a place holds, and how old the oldest is.

use std::fs;

use coffre_backup::destination::FileSystem;
use coffre_backup::keyring_copies;
use coffre_backup::ship::{Compare, KnownPoint, ship};
use coffre_core::erasure::Copies;

use super::vault::{Vault, noon};

fn look(vault: &Vault, place: &FileSystem) -> Copies {
    keyring_copies("usb".parse().unwrap(), place, &vault.pinned(), noon(), &mut ()).unwrap()
}

#[test]
fn the_oldest_copy_is_the_oldest_base_that_stands() {
    let mut vault = Vault::captured(2);
    let destination = vault.destination("usb");
    assert_eq!(look(&vault, &destination).oldest, None, "nothing was shipped yet");
    ship(&vault.source(), &destination, &vault.pinned(), &KnownPoint::default(), Compare::Sizes, &mut ()).unwrap();
    let first = look(&vault, &destination);
    assert_eq!((first.oldest, first.unaccounted), (Some(noon().plus_seconds(86_400)), 0));

    // The spool forgets the first; the destination still has it.
    vault.keep(1);
    vault.capture();
    assert_eq!(look(&vault, &vault.source()).oldest, Some(noon().plus_seconds(3 * 86_400)));
    assert_eq!(look(&vault, &destination), first);
}

#[test]
fn what_no_manifest_tells_the_age_of_is_counted() {
    let vault = Vault::captured(2);
    let manifest = |file: &&String| file.starts_with("keyring") && file.ends_with("1.note");
    let files = Vault::files(&vault.spool());
    fs::remove_file(vault.spool().join(files.iter().find(manifest).unwrap())).unwrap();
    let found = look(&vault, &vault.source());
    assert_eq!((found.oldest, found.unaccounted), (Some(noon().plus_seconds(2 * 86_400)), 1));

    let base = files.iter().find(|file| file.starts_with("keyring") && file.ends_with("2.base")).unwrap();
    fs::copy(vault.spool().join(base), vault.spool().join(format!("{base}.old"))).unwrap();
    assert_eq!(look(&vault, &vault.source()).unaccounted, 2, "a copy under another name is a copy");
}

#[test]
fn a_place_out_of_reach_is_not_a_clear_one() {
    let vault = Vault::captured(1);
    let gone = FileSystem::new(vault.path("not mounted"));
    assert!(keyring_copies("usb".parse().unwrap(), &gone, &vault.pinned(), noon(), &mut ()).is_err());
}
