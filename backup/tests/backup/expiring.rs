//! Copies of the keyring expire at a destination: the old ones, never the newest whole one, whatever the clock says and
//! wherever it is broken off.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use coffre_backup::destination::{Contents, Destination, FileSystem, RemoveError, Removing, Source, SourceError};
use coffre_backup::expiry::{self, ExpiryError, Plan, Verdict};
use coffre_backup::restore::{self, LostLog};
use coffre_backup::ship::{Compare, KnownPoint, Shipped, ship};
use coffre_backup::verify::{Depth, verify};
use coffre_backup::{Ending, Ends as _, Observer, Sources, keyring_copies};
use coffre_core::spool::Wanted;
use coffre_core::time::Timestamp;

use super::vault::{Vault, noon};
use crate::doubles::reads_from_within;

const DAY: i64 = 86_400;

fn is_a(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}
/// How long copies stay here.
const KEPT: i64 = 5 * DAY;

fn shipped(vault: &Vault, destination: &dyn Destination, compare: Compare) -> Shipped {
    ship(&vault.source(), destination, &vault.pinned(), &KnownPoint::default(), compare, &mut ()).unwrap()
}

/// A destination that was shipped to on each of so many days by a spool that keeps three, and its vault. People are
/// added on each day.
fn kept(days: usize) -> (Vault, FileSystem) {
    let mut vault = Vault::new();
    vault.keep(3);
    let destination = vault.destination("usb");
    for _ in 0..days {
        vault.capture();
        vault.commit(None);
        shipped(&vault, &destination, Compare::Sizes);
    }
    (vault, destination)
}

fn planned(vault: &Vault, place: &dyn Source, now: Timestamp) -> Plan {
    expiry::plan(place, &vault.pinned(), KEPT, now, &mut ()).unwrap().unwrap()
}

fn expired(vault: &Vault, place: &dyn Removing, now: Timestamp) -> u64 {
    let plan = planned(vault, place, now);
    expiry::remove(&plan, place, &vault.pinned(), &mut ()).unwrap()
}

fn count(plan: &Plan, verdict: Verdict) -> usize {
    plan.copies.iter().filter(|copy| copy.verdict == verdict).count()
}

fn assert_whole(vault: &Vault, place: &dyn Source) {
    let verified =
        verify(&Sources::both(place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap();
    assert_eq!(verified.faults, vec![]);
    let sources = Sources::both(place);
    let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap();
    let to = tempfile::tempdir().unwrap();
    restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap();
    let keyring = fs::read(to.path().join("vault/keyring.db")).unwrap();
    assert!(keyring == vault.content(coffre_core::spool::Chain::Keyring), "the newest keyring comes back");
}

fn oldest(vault: &Vault, place: &dyn Source) -> Timestamp {
    let copies = keyring_copies("usb".parse().unwrap(), place, &vault.pinned(), vault.now, &mut ()).unwrap();
    assert_eq!(copies.unaccounted, 0, "nothing of unknown age is left, or no certificate could become final");
    copies.oldest.unwrap()
}

#[test]
fn copies_that_are_old_enough_go_with_their_manifests_and_everything_else_stays() {
    let (vault, destination) = kept(10);
    let (now, before) = (vault.now, Vault::files(destination.root()));
    let plan = planned(&vault, &destination, now);
    let found = [Verdict::Expires, Verdict::Young, Verdict::Promised, Verdict::NewestWhole];
    assert_eq!(found.map(|verdict| count(&plan, verdict)), [5, 2, 2, 1], "{plan:#?}");
    assert_eq!(Vault::files(destination.root()), before, "a plan removes nothing");

    assert_eq!(expired(&vault, &destination, now), 5 * 3, "five bases, their segments, their manifests");
    assert!(now.as_seconds() - oldest(&vault, &destination).as_seconds() <= KEPT);
    let after = Vault::files(destination.root());
    let main = |files: &[String]| files.iter().filter(|file| file.starts_with("main/")).cloned().collect::<Vec<_>>();
    assert_eq!(main(&after), main(&before), "the other side is not touched");
    assert_eq!(before.len() - after.len(), 15);
    assert_whole(&vault, &destination);
    // Older points restore too: the newest keyring opens them.
    let first = vault.main[0].manifest.heading.number;
    let wanted = Wanted::Exactly(vault.generation, first);
    restore::plan(&Sources::both(&destination), &vault.pinned(), wanted, LostLog::Refuse, &mut ()).unwrap();

    assert_eq!(expired(&vault, &destination, now), 0, "once is enough");
    for compare in [Compare::Sizes, Compare::Hashes] {
        assert_eq!(shipped(&vault, &destination, compare).objects, 0, "what expired is not sent again");
    }
}

#[test]
fn a_clock_that_runs_ahead_empties_nothing() {
    let (vault, destination) = kept(10);
    let plan = planned(&vault, &destination, vault.now.plus_seconds(3650 * DAY));
    assert_eq!(plan.measured_at, vault.now, "the newest moment that is signed there");
    assert_eq!(plan, planned(&vault, &destination, vault.now));
    expired(&vault, &destination, vault.now.plus_seconds(3650 * DAY));
    assert!(vault.now.as_seconds() - oldest(&vault, &destination).as_seconds() > KEPT - 2 * DAY, "five days stay");
    assert_whole(&vault, &destination);
}

#[test]
fn a_vault_whose_clock_ran_ahead_ages_nothing_either() {
    let (mut vault, destination) = kept(4);
    let now = vault.now;
    vault.now = now.plus_seconds(3650 * DAY);
    vault.capture();
    shipped(&vault, &destination, Compare::Sizes);
    let plan = planned(&vault, &destination, now);
    assert_eq!((plan.measured_at, count(&plan, Verdict::Expires)), (now, 0), "this machine's own clock counts, too");
}

#[test]
fn where_nothing_arrives_any_more_nothing_goes() {
    let (vault, destination) = kept(4);
    // A year later, and the year after.
    for later in [365, 730] {
        assert_eq!(expired(&vault, &destination, vault.now.plus_seconds(later * DAY)), 0);
    }
    assert_whole(&vault, &destination);
}

#[test]
fn the_newest_whole_chain_stays_when_newer_ones_are_damaged() {
    let (vault, destination) = kept(10);
    let file = |place: u64, kind: &str| {
        let ending = format!("keyring/{place:016}.{kind}");
        let files = Vault::files(destination.root());
        destination.root().join(files.iter().find(|file| file.ends_with(&ending)).unwrap())
    };
    let flip = |file: &std::path::Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::remove_file(file).unwrap();
        fs::write(file, bytes).unwrap();
    };
    // A base, a segment, a segment that is gone; every other place is a base.
    flip(&file(19, "base"));
    flip(&file(18, "segment"));
    fs::remove_file(file(16, "segment")).unwrap();
    let plan = planned(&vault, &destination, vault.now);
    let whole = plan.copies.iter().find(|copy| copy.verdict == Verdict::NewestWhole).unwrap();
    assert_eq!(whole.base.get(), 13, "{plan:#?}");
    assert_eq!(count(&plan, Verdict::Newer), 3);
    expired(&vault, &destination, vault.now);
    assert!(file(13, "base").exists() && file(19, "base").exists());

    for base in
        Vault::files(destination.root()).iter().filter(|file| file.starts_with("keyring/") && is_a(file, "base"))
    {
        fs::remove_file(destination.root().join(base)).unwrap();
        destination.put(base, &mut &b"not what it was"[..]).unwrap();
    }
    let refused = expiry::plan(&destination, &vault.pinned(), KEPT, vault.now, &mut ()).unwrap_err();
    assert!(matches!(refused, ExpiryError::NothingWhole { .. }), "{refused}");
    assert_eq!(refused.ending(), Ending::Tampering);
}

/// A place of which one removal goes wrong.
struct Failing<'a> {
    inner: &'a FileSystem,
    left: Cell<usize>,
    removes_first: bool,
}

reads_from_within!(Failing<'_>, this => this.inner.label());

impl Removing for Failing<'_> {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        if self.left.get() == 0 {
            if self.removes_first {
                self.inner.remove(path)?;
            }
            let source = io::Error::other("killed");
            return Err(RemoveError::Failed { place: self.label(), path: path.to_owned(), source });
        }
        self.left.set(self.left.get() - 1);
        self.inner.remove(path)
    }
}

#[test]
fn wherever_it_is_broken_off_the_destination_is_in_order_and_the_next_one_goes_on() {
    let (vault, destination) = kept(8);
    let total = planned(&vault, &destination, vault.now).objects().count();
    assert_eq!(total, 9);
    let files = Vault::files(destination.root());
    for removes_first in [false, true] {
        for left in 0..total {
            let copy = vault.destination(&format!("copy-{removes_first}-{left}"));
            for file in &files {
                copy.put(file, &mut fs::File::open(destination.root().join(file)).unwrap()).unwrap();
            }
            let failing = Failing { inner: &copy, left: Cell::new(left), removes_first };
            let plan = planned(&vault, &failing, vault.now);
            let failed = expiry::remove(&plan, &failing, &vault.pinned(), &mut ()).unwrap_err();
            assert_eq!(failed.ending(), Ending::Temporary);
            assert_whole(&vault, &copy);
            oldest(&vault, &copy);
            let sent = shipped(&vault, &copy, Compare::Hashes);
            assert_eq!(sent.objects, 0, "{left}: nothing is taken for lost");
            let rest = total - left - usize::from(removes_first);
            assert_eq!(expired(&vault, &copy, vault.now), rest as u64);
            assert_eq!(planned(&vault, &copy, vault.now).objects().count(), 0);
        }
    }
}

#[test]
fn whoever_may_not_remove_is_told_so() {
    struct Refusing(FileSystem);
    impl Source for Refusing {
        fn label(&self) -> String {
            self.0.label()
        }
        fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
            self.0.open(path, range)
        }
        fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
            self.0.size(path)
        }
        fn list(&self, folder: &str) -> Result<Contents, SourceError> {
            self.0.list(folder)
        }
    }
    impl Removing for Refusing {
        fn remove(&self, path: &str) -> Result<(), RemoveError> {
            let source = io::ErrorKind::PermissionDenied.into();
            Err(RemoveError::Refused { place: "usb".to_owned(), path: path.to_owned(), source })
        }
    }
    let (vault, destination) = kept(8);
    let refusing = Refusing(destination);
    let plan = planned(&vault, &refusing, vault.now);
    let refused = expiry::remove(&plan, &refusing, &vault.pinned(), &mut ()).unwrap_err();
    assert_eq!(refused.ending(), Ending::WrongKey);
    assert!(refused.to_string().contains("run this with the credential that may"), "{refused}");
}

#[test]
fn a_generation_that_was_outgrown_goes_to_its_end_and_its_points_still_restore() {
    let (vault, destination) = kept(5);
    let mut child = vault.restored(2);
    for _ in 0..7 {
        child.capture();
        child.commit(None);
        shipped(&child, &destination, Compare::Sizes);
    }
    let plan = planned(&child, &destination, child.now);
    let old = |copy: &&expiry::KeyringCopy| copy.generation == vault.generation;
    assert!(plan.copies.iter().filter(old).all(|copy| copy.verdict == Verdict::Expires), "{plan:#?}");
    expired(&child, &destination, child.now);
    let files = Vault::files(destination.root());
    let keys = |file: &&String| {
        file.starts_with("keyring/") && file.contains(&vault.generation.to_string()) && !is_a(file, "note")
    };
    assert_eq!(files.iter().filter(keys).count(), 0, "no key of it is left");
    assert_whole(&child, &destination);
    oldest(&child, &destination);
    let number = vault.main[4].manifest.heading.number;
    let wanted = Wanted::Exactly(vault.generation, number);
    restore::plan(&Sources::both(&destination), &child.pinned(), wanted, LostLog::Refuse, &mut ()).unwrap();
    for compare in [Compare::Sizes, Compare::Hashes] {
        assert_eq!(shipped(&child, &destination, compare).objects, 0);
    }
}

#[test]
fn two_histories_are_nobody_s_to_choose_from() {
    let (mut vault, destination) = kept(8);
    let mut child = vault.restored(2);
    child.capture();
    let second = vault.destination("second");
    shipped(&child, &second, Compare::Sizes);
    for file in Vault::files(second.root()) {
        drop(destination.put(&file, &mut fs::File::open(second.root().join(&file)).unwrap()));
    }
    vault.capture();
    vault.capture();
    for file in Vault::files(&vault.spool()).iter().filter(|file| file.starts_with("keyring/")) {
        drop(destination.put(file, &mut fs::File::open(vault.spool().join(file)).unwrap()));
    }
    let refused = expiry::plan(&destination, &vault.pinned(), KEPT, vault.now, &mut ()).unwrap_err();
    assert!(matches!(refused, ExpiryError::Fault { .. }), "{refused}");
}

#[test]
fn where_there_is_no_copy_there_is_no_plan_and_what_nothing_tells_the_age_of_stays() {
    let vault = Vault::captured(1);
    let empty = vault.destination("empty");
    assert_eq!(expiry::plan(&empty, &vault.pinned(), KEPT, noon(), &mut ()).unwrap(), None);

    let (vault, destination) = kept(10);
    let files = Vault::files(destination.root());
    let base = files.iter().find(|file| file.ends_with("keyring/0000000000000001.base")).unwrap();
    let strange = base.replace(&vault.generation.to_string(), "99999999-9999-4999-8999-999999999999");
    destination.put(&strange, &mut &b"somebody's"[..]).unwrap();
    expired(&vault, &destination, vault.now);
    let plan = planned(&vault, &destination, vault.now);
    assert_eq!(count(&plan, Verdict::UnknownAge), 1);
    assert!(destination.root().join(&strange).exists());
}

#[test]
fn it_stops_when_asked() {
    struct Stops;
    impl Observer for Stops {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let (vault, destination) = kept(8);
    let plan = planned(&vault, &destination, vault.now);
    let stopped = expiry::remove(&plan, &destination, &vault.pinned(), &mut Stops).unwrap_err();
    assert!(matches!(stopped, ExpiryError::Cancelled(_)));
    assert_eq!(planned(&vault, &destination, vault.now), plan);
}
