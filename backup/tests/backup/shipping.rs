//! A destination holds whole points only, continues one history only, and is taken up where it was left.

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::sync::Mutex;

use coffre_backup::destination::{
    Contents, Destination, FileSystem, Memory, PutError, Removing as _, Source, SourceError,
};
use coffre_backup::list::newest_head;
use coffre_backup::ship::{Compare, KnownPoint, ShipError, Shipped, ship};
use coffre_backup::verify::{Depth, verify};
use coffre_backup::{Ending, Ends as _, Observer, Progress, Sources};
use coffre_core::spool::{Fault, Manifest as _};

use super::vault::{Vault, noon};
use crate::doubles::reads_from_within;

fn shipped(vault: &Vault, destination: &dyn Destination) -> Shipped {
    ship_known(vault, destination, &KnownPoint::default()).unwrap()
}

fn ship_known(vault: &Vault, destination: &dyn Destination, known: &KnownPoint) -> Result<Shipped, ShipError> {
    ship(&vault.source(), destination, &vault.pinned(), known, Compare::Sizes, &mut ())
}

fn refusal(vault: &Vault, destination: &dyn Destination, known: &KnownPoint) -> Fault {
    match ship_known(vault, destination, known).unwrap_err() {
        ShipError::Refused { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

fn assert_sound(vault: &Vault, destination: &dyn Source, points: u64) {
    let known = KnownPoint::default();
    let verified = verify(&Sources::both(destination), &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap();
    assert_eq!((verified.faults, verified.notices, verified.points), (vec![], vec![], points));
}

#[test]
fn a_destination_holds_the_same_bytes_under_the_same_names() {
    let vault = Vault::captured(2);
    let destination = vault.destination("usb");
    let report = shipped(&vault, &destination);
    let files = Vault::files(&vault.spool());
    assert_eq!(Vault::files(destination.root()), files);
    for file in &files {
        assert_eq!(fs::read(vault.spool().join(file)).unwrap(), fs::read(destination.root().join(file)).unwrap());
    }
    assert_eq!(report.objects, files.len() as u64);
    assert_eq!(report.captured, Some(vault.main[1].manifest.heading.time));
    assert_eq!(report.newest.main.unwrap().number.get(), 2);
    assert_sound(&vault, &destination, 2);
}

#[test]
fn the_newest_audit_head_goes_along() {
    let vault = Vault::captured(3);
    let destination = Memory::new();
    assert_eq!(newest_head(&destination, &vault.pinned(), &mut ()).unwrap(), None);
    shipped(&vault, &destination);
    let head = newest_head(&destination, &vault.pinned(), &mut ()).unwrap().unwrap();
    assert_eq!((head.note, head.ancestors), (vault.main[2].manifest.audit_head.clone(), vec![]));
}

/// A place whose segments and bases cannot be listed, and how many manifests were read there.
struct Unlisted<'d> {
    inner: &'d Memory,
    manifests: RefCell<u32>,
}

impl Source for Unlisted<'_> {
    fn label(&self) -> String {
        "unlisted".to_owned()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        *self.manifests.borrow_mut() += u32::from(path.contains("/manifests/"));
        self.inner.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        let contents = self.inner.list(folder)?;
        assert!(contents.objects.is_empty() || folder.ends_with("/manifests"), "{folder} is listed");
        Ok(contents)
    }
}

#[test]
fn the_newest_audit_head_is_found_without_listing_what_is_ever_more() {
    let mut vault = Vault::captured(6);
    let destination = Memory::new();
    for commits in 1..7 {
        vault.commit(None);
        shipped(&vault, &destination);
        let unlisted = Unlisted { inner: &destination, manifests: RefCell::default() };
        let head = newest_head(&unlisted, &vault.pinned(), &mut ()).unwrap().unwrap();
        assert_eq!(head.time, vault.committed, "after {commits} segments");
        assert_eq!(unlisted.manifests.take(), 2, "the newest and the oldest");
    }
}

#[test]
fn the_newest_head_is_that_of_the_vault_that_goes_on_though_its_clock_is_behind() {
    let vault = Vault::captured(3);
    let destination = Memory::new();
    shipped(&vault, &destination);
    let mut restored = vault.restored(2);
    restored.now = noon();
    restored.capture();
    shipped(&restored, &destination);
    let head = newest_head(&destination, &vault.pinned(), &mut ()).unwrap().unwrap();
    assert_eq!((head.generation, head.ancestors), (restored.generation, vec![vault.generation]));
    assert!(head.time == restored.now && head.time < vault.now);
}

/// Of generations that are past a spool has no more than that.
#[test]
fn what_the_newest_came_from_is_known_by_the_manifests_of_the_keyring() {
    let first = Vault::captured(1);
    let mut second = first.restored(2);
    second.capture();
    let mut third = second.restored(3);
    third.capture();
    let place = Memory::new();
    for vault in [&first, &second, &third] {
        shipped(vault, &place);
    }
    for signed in first.main.iter().chain(&second.main) {
        place.remove(&signed.manifest.name().path(&first.pinned().scope)).unwrap();
    }
    let head = newest_head(&place, &first.pinned(), &mut ()).unwrap().unwrap();
    assert_eq!((head.generation, head.ancestors), (third.generation, vec![second.generation, first.generation]));
}

#[test]
fn a_second_run_copies_what_is_new_and_no_more() {
    let mut vault = Vault::captured(1);
    let destination = Memory::new();
    let first = shipped(&vault, &destination);
    let nothing = ship_known(&vault, &destination, &first.newest).unwrap();
    assert_eq!((nothing.objects, nothing.bytes), (0, 0));
    vault.add_document(5, 1);
    vault.capture();
    let second = ship_known(&vault, &destination, &first.newest).unwrap();
    assert_eq!(second.objects, 2 + 3 + 2 + 2, "two bases, three pieces, two manifests, one document, its inventory");
    assert_sound(&vault, &destination, 2);
}

#[test]
fn the_local_files_of_a_spool_are_not_copied() {
    let vault = Vault::captured(1);
    fs::write(vault.spool().join("state.json"), "{}").unwrap();
    fs::create_dir_all(vault.spool().join("incoming")).unwrap();
    fs::write(vault.spool().join("incoming/half"), "x").unwrap();
    let destination = vault.destination("usb");
    shipped(&vault, &destination);
    assert!(
        Vault::files(destination.root()).iter().all(|file| file.starts_with("main/") || file.starts_with("keyring/"))
    );
}

/// Fails at the n-th write: before it, or after it while saying that it failed.
struct Failing<'a> {
    inner: &'a Memory,
    left: Mutex<usize>,
    writes_first: bool,
}

reads_from_within!(Failing<'_>, this => this.inner.label());

impl Destination for Failing<'_> {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            if self.writes_first {
                self.inner.put(path, content)?;
            }
            return Err(PutError::Full { place: self.label() });
        }
        *left -= 1;
        self.inner.put(path, content)
    }
}

#[test]
fn wherever_it_breaks_off_every_point_there_is_whole_and_the_next_run_completes_it() {
    let vault = Vault::captured(2);
    let writes = shipped(&vault, &Memory::new()).objects;
    for writes_first in [false, true] {
        for left in 0..usize::try_from(writes).unwrap() {
            let memory = Memory::new();
            let failing = Failing { inner: &memory, left: Mutex::new(left), writes_first };
            let error = ship_known(&vault, &failing, &KnownPoint::default()).unwrap_err();
            assert!(matches!(error, ShipError::Put(PutError::Full { .. })), "{error}");
            let known = KnownPoint::default();
            let partial = verify(&Sources::both(&memory), &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap();
            assert_eq!(partial.faults, [], "after {left} writes");
            shipped(&vault, &memory);
            assert_sound(&vault, &memory, 2);
        }
    }
}

#[test]
fn a_damaged_spool_is_not_shipped() {
    let vault = Vault::captured(1);
    for file in Vault::files(&vault.spool()) {
        let path = vault.spool().join(&file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(&path, bad).unwrap();
        let memory = Memory::new();
        let error = ship_known(&vault, &memory, &KnownPoint::default()).unwrap_err();
        assert!(
            matches!(&error, ShipError::SpoolFault { fault } if fault.to_string().contains(&file)),
            "{file}: {error}"
        );
        assert_eq!(memory.size(&file).unwrap(), None, "{file} was copied");
        fs::remove_file(&path).unwrap();
        assert!(ship_known(&vault, &Memory::new(), &KnownPoint::default()).is_err(), "without {file}");
        fs::write(&path, good).unwrap();
    }
    shipped(&vault, &Memory::new());
}

/// A spool whose vault takes a base backup, and gives up those before it, while documents are copied.
struct GoesOn {
    vault: RefCell<Vault>,
    inner: FileSystem,
}

impl Source for GoesOn {
    fn label(&self) -> String {
        self.inner.label()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        let mut vault = self.vault.borrow_mut();
        if path.contains("/documents/") && vault.main.len() == 2 {
            vault.keep(1);
            vault.capture();
        }
        self.inner.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.inner.list(folder)
    }
}

#[test]
fn what_the_vault_gives_up_meanwhile_was_taken_away_by_nobody() {
    let vault = Vault::captured(2);
    let (destination, pinned, none) = (Memory::new(), vault.pinned(), KnownPoint::default());
    let spool = GoesOn { inner: vault.source(), vault: RefCell::new(vault) };
    let error = ship(&spool, &destination, &pinned, &none, Compare::Sizes, &mut ()).unwrap_err();
    assert!(matches!(error, ShipError::Dropped { .. }), "{error}");
    assert_eq!(error.ending(), Ending::Temporary);
    let vault = spool.vault.into_inner();
    ship_known(&vault, &destination, &none).unwrap();
    assert_sound(&vault, &destination, 1);
    // What a manifest there needs was taken away.
    let is_base = |file: &String| file.starts_with("keyring/") && file.contains(".base");
    let file = Vault::files(&vault.spool()).into_iter().find(is_base);
    fs::remove_file(vault.spool().join(file.unwrap())).unwrap();
    let error = ship_known(&vault, &Memory::new(), &none).unwrap_err();
    assert_eq!(error.ending(), Ending::Tampering, "{error}");
}

#[test]
fn an_empty_spool_is_named() {
    let vault = Vault::new();
    assert!(matches!(ship_known(&vault, &Memory::new(), &KnownPoint::default()), Err(ShipError::Empty)));
}

#[test]
fn a_destination_that_is_further_than_the_spool_is_refused() {
    let mut vault = Vault::captured(2);
    let before = Vault::files(&vault.spool());
    let destination = Memory::new();
    vault.capture();
    shipped(&vault, &destination);
    // The spool is set back, as by a restored disk image.
    for file in Vault::files(&vault.spool()).iter().filter(|file| !before.contains(file)) {
        fs::remove_file(vault.spool().join(file)).unwrap();
    }
    assert!(matches!(refusal(&vault, &destination, &KnownPoint::default()), Fault::Rollback { .. }));
}

#[test]
fn a_destination_with_another_history_is_refused() {
    let vault = Vault::captured(1);
    let mut twin = Vault::new();
    twin.add_document(6, 1);
    twin.capture();
    twin.capture();
    let destination = Memory::new();
    shipped(&vault, &destination);
    assert!(matches!(refusal(&twin, &destination, &KnownPoint::default()), Fault::Fork { .. }));
}

#[test]
fn an_emptied_or_older_destination_is_refused_when_more_is_known_of_it() {
    let mut vault = Vault::captured(1);
    let older = Memory::new();
    shipped(&vault, &older);
    vault.capture();
    let known = shipped(&vault, &Memory::new()).newest;
    assert!(matches!(refusal(&vault, &older, &known), Fault::Rollback { .. }));
    assert!(matches!(refusal(&vault, &Memory::new(), &known), Fault::Rollback { .. }));
    // A new disk on purpose: whoever says so passes on nothing of the old one.
    shipped(&vault, &Memory::new());
}

#[test]
fn a_restored_vault_goes_on_and_the_old_one_is_refused_from_then_on() {
    let mut old = Vault::captured(2);
    let destination = Memory::new();
    shipped(&old, &destination);
    let mut new = old.restored(2);
    new.capture();
    shipped(&new, &destination);
    assert_sound(&new, &destination, 3);
    old.capture();
    old.capture();
    let fault = refusal(&old, &destination, &KnownPoint::default());
    assert!(matches!(fault, Fault::Divided { .. } | Fault::Rollback { .. }), "{fault}");
    // And a second vault restored from the same point.
    let mut second = old.restored(3);
    second.capture();
    assert!(matches!(refusal(&second, &destination, &KnownPoint::default()), Fault::Divided { .. }));
}

#[test]
fn damage_on_the_destination_is_found_by_hash_and_loss_is_made_good() {
    let vault = Vault::captured(1);
    let destination = vault.destination("usb");
    shipped(&vault, &destination);
    let compare = |destination: &FileSystem| {
        ship(&vault.source(), destination, &vault.pinned(), &KnownPoint::default(), Compare::Hashes, &mut ())
    };
    assert_eq!(compare(&destination).unwrap().objects, 0);
    for file in Vault::files(destination.root()).iter().filter(|file| !file.contains("/manifests/")) {
        let path = destination.root().join(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[0] ^= 1;
        fs::write(&path, bad).unwrap();
        let error = compare(&destination).unwrap_err();
        assert!(
            matches!(&error, ShipError::Damaged { fault, .. } if fault.to_string().contains(file)),
            "{file}: {error}"
        );
        fs::remove_file(&path).unwrap();
        assert_eq!(compare(&destination).unwrap().objects, 1, "{file}");
        assert_eq!(fs::read(&path).unwrap(), good);
    }
    assert_sound(&vault, &destination, 1);
}

#[test]
fn an_unmounted_destination_is_named() {
    let vault = Vault::captured(1);
    let absent = FileSystem::new(vault.path("not mounted"));
    let error = ship_known(&vault, &absent, &KnownPoint::default()).unwrap_err();
    assert!(matches!(error, ShipError::Destination(SourceError::Absent { .. })), "{error}");
}

#[test]
fn it_stops_when_asked_and_goes_on_the_next_time() {
    struct After(u64, u64);
    impl Observer for After {
        fn progress(&mut self, progress: Progress) {
            self.0 = progress.done;
        }
        fn cancelled(&self) -> bool {
            self.0 > self.1
        }
    }
    let vault = Vault::captured(2);
    let memory = Memory::new();
    let known = KnownPoint::default();
    let stopped = ship(&vault.source(), &memory, &vault.pinned(), &known, Compare::Sizes, &mut After(0, 60_000));
    assert!(matches!(stopped, Err(ShipError::Cancelled(_))), "{stopped:?}");
    let rest = shipped(&vault, &memory);
    assert!(rest.present > 0 && rest.objects > 0, "{rest:?}");
    assert_sound(&vault, &memory, 2);
}
