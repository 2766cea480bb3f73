//! A spool keeps the newest points only; destinations keep all that reached them.

use std::fs;

use coffre_backup::destination::{FileSystem, Memory, Source as _};
use coffre_backup::list::list;
use coffre_backup::ship::{Compare, KnownPoint, ShipError, Shipped, ship};
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_backup::{Observer, Progress, Sources, Stage};
use coffre_core::spool::{Fault, Notice, Pinned};

use super::vault::Vault;

fn shipped(vault: &Vault, destination: &FileSystem, known: &KnownPoint) -> Result<Shipped, ShipError> {
    ship(&vault.source(), destination, &vault.pinned(), known, Compare::Sizes, &mut ())
}

fn verified(vault: &Vault, place: &FileSystem) -> Verified {
    verify(&Sources::both(place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap()
}

/// Expired keyring copies are the only thing to notice.
fn assert_sound(verified: &Verified) {
    assert_eq!(verified.faults, []);
    let expired = |notice: &Notice| matches!(notice, Notice::Expired { object } if object.starts_with("keyring/"));
    assert!(verified.notices.iter().all(expired), "{:?}", verified.notices);
}

/// A vault that keeps two points, and a destination that got all four.
fn kept_by_the_destination() -> (Vault, FileSystem, KnownPoint) {
    let mut vault = Vault::new();
    vault.keep(2);
    let destination = vault.destination("usb");
    let mut known = KnownPoint::default();
    for document in 4..=5 {
        for _ in 0..2 {
            vault.capture();
            known = shipped(&vault, &destination, &known).unwrap().newest;
        }
        vault.add_document(document, 1);
    }
    (vault, destination, known)
}

#[test]
fn a_spool_that_dropped_old_points_is_sound() {
    let (vault, ..) = kept_by_the_destination();
    let verified = verified(&vault, &vault.source());
    assert_eq!((verified.faults, verified.points), (vec![], 2));
}

/// Does something once, as soon as objects are read.
struct Meanwhile<F>(Option<F>);

impl<F: FnOnce()> Observer for Meanwhile<F> {
    fn progress(&mut self, progress: Progress) {
        if progress.stage == Stage::Verifying
            && let Some(act) = self.0.take()
        {
            act();
        }
    }
}

fn verified_while(place: &FileSystem, pinned: &Pinned, depth: Depth, act: impl FnOnce()) -> Verified {
    verify(&Sources::both(place), pinned, &KnownPoint::default(), depth, &mut Meanwhile(Some(act))).unwrap()
}

#[test]
fn what_the_vault_drops_while_its_spool_is_read_is_not_missing() {
    let mut vault = Vault::new();
    vault.keep(2);
    for _ in 0..2 {
        vault.capture();
        vault.commit(None);
    }
    let (spool, pinned) = (vault.source(), vault.pinned());
    for depth in [Depth::Listed, Depth::Whole] {
        let before = Vault::files(spool.root()).len();
        let verified = verified_while(&spool, &pinned, depth, || vault.capture());
        assert_eq!((verified.faults, verified.points), (vec![], 2));
        assert!(verified.restorable_to.is_some());
        assert!(Vault::files(spool.root()).len() < before + 7, "something was dropped");
        vault.commit(None);
    }
    // What is needed still was taken away by somebody.
    let is_base = |file: &String| file.starts_with("main/") && file.contains(".base");
    let base = Vault::files(spool.root()).into_iter().find(is_base).unwrap();
    let path = spool.root().join(&base);
    let faults = verified_while(&spool, &pinned, Depth::Whole, || fs::remove_file(&path).unwrap()).faults;
    assert!(faults.iter().any(|fault| fault.object() == Some(base.as_str())), "{faults:?}");
}

#[test]
fn where_one_segment_cannot_be_read_the_next_is_not_at_fault() {
    let mut vault = Vault::captured(1);
    (0..3).for_each(|_| vault.commit(None));
    let (spool, pinned) = (vault.source(), vault.pinned());
    let is_middle = |file: &String| file.contains("/audit/") && file.ends_with("3.segment");
    let middle = Vault::files(spool.root()).into_iter().find(is_middle).unwrap();
    let path = spool.root().join(&middle);
    let faults = verified_while(&spool, &pinned, Depth::Whole, || fs::remove_file(&path).unwrap()).faults;
    assert_eq!(faults.iter().map(Fault::object).collect::<Vec<_>>(), [Some(middle.as_str())], "{faults:?}");
}

#[test]
fn what_a_destination_keeps_longer_is_verified_as_well() {
    let (vault, destination, _) = kept_by_the_destination();
    let whole = verified(&vault, &destination);
    assert_sound(&whole);
    assert_eq!(whole.points, 4);
    assert_eq!(whole.notices.len(), 4, "two copies of the keyring and their manifests");
    let listed = list(&Sources::both(&destination), &vault.pinned(), &mut ()).unwrap();
    assert_eq!(
        listed.points.iter().map(|p| (p.number.get(), p.complete)).collect::<Vec<_>>(),
        [(1, true), (2, true), (3, true), (4, true)]
    );
    for file in Vault::files(destination.root()).iter().filter(|file| file.starts_with("main/")) {
        let path = destination.root().join(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(&path, bad).unwrap();
        let faults = verified(&vault, &destination).faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains(file)), "{file}: {faults:?}");
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn what_was_kept_longer_than_promised_may_go() {
    let (vault, destination, _) = kept_by_the_destination();
    for file in Vault::files(destination.root()) {
        if ["0000000000000001.", "0000000000000002."].iter().any(|old| file.contains(old)) {
            fs::remove_file(destination.root().join(&file)).unwrap();
            assert_eq!(verified(&vault, &destination).faults, [], "without {file}");
        }
    }
    // What may be shared with others stays, in no manifest: their inventory, and three pieces of the log for each.
    let after = verified(&vault, &destination);
    assert_eq!(after.points, 2);
    let [Notice::Unclaimed { object }, pieces] = &after.notices[..] else { panic!("{:?}", after.notices) };
    assert!(object.contains("/inventories/"), "{object}");
    assert_eq!(*pieces, Notice::UnclaimedPieces { count: 6 });
}

#[test]
fn a_destination_that_was_away_for_long_gets_what_is_left() {
    let (mut vault, destination, known) = kept_by_the_destination();
    (0..4).for_each(|_| vault.capture());
    shipped(&vault, &destination, &known).unwrap();
    let verified = verified(&vault, &destination);
    assert_sound(&verified);
    assert_eq!(verified.points, 6, "5 and 6 were dropped before they could be shipped");
}

#[test]
fn an_emptied_spool_goes_on_where_a_destination_has_the_rest_and_nowhere_else() {
    let (mut vault, destination, known) = kept_by_the_destination();
    for side in ["main", "keyring"] {
        fs::remove_dir_all(vault.spool().join(side)).unwrap();
    }
    vault.capture();
    shipped(&vault, &destination, &known).unwrap();
    assert_sound(&verified(&vault, &destination));

    let new = Memory::new();
    let known = KnownPoint::default();
    let error = ship(&vault.source(), &new, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap_err();
    let ShipError::Refused { fault: Fault::Gap { from, to, .. }, .. } = error else { panic!("{error}") };
    assert_eq!((from.get(), to.get()), (4, 4));
    assert!(new.list("main").unwrap().folders.is_empty());
}
