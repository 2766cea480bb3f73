//! The base of the log in pieces: what bases have in common is sent once, each piece is proven, and backups of the version
//! before, whose base of the log is one object, are gone on with.

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::ops::Range;

use coffre_backup::Sources;
use coffre_backup::destination::{Contents, Destination, FileSystem, PutError, Source, SourceError};
use coffre_backup::restore::{self, LostLog};
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::verify::{Depth, verify};
use coffre_core::spool::{Chain, Fault, Wanted};

use crate::busy::{busy, is_newest, restored, shipped};
use crate::vault::Vault;

fn pieces(place: &FileSystem) -> Vec<String> {
    Vault::files(place.root()).into_iter().filter(|file| file.contains("/pieces/")).collect()
}

/// A destination that remembers what was opened.
struct Counted {
    inner: FileSystem,
    opened: RefCell<Vec<String>>,
}

impl Source for Counted {
    fn label(&self) -> String {
        self.inner.label()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        self.opened.borrow_mut().push(path.to_owned());
        self.inner.open(path, range)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.inner.list(folder)
    }
}

impl Destination for Counted {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.inner.put(path, content)
    }
}

/// How many the newest base has.
fn of_newest(vault: &Vault) -> usize {
    let base = &vault.main.last().unwrap().manifest.chains.audit.base;
    base.pieces.as_ref().map_or(0, |pieces| pieces.sha256.len())
}

fn is_sound(vault: &Vault, place: &dyn Source) {
    let verified =
        verify(&Sources::both(place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap();
    assert_eq!(verified.faults, []);
    assert_eq!(verified.restorable_to, Some(vault.now));
}

#[test]
fn what_bases_have_in_common_is_stored_and_sent_once() {
    let mut vault = Vault::captured(1);
    vault.commit(None);
    vault.capture_beside();
    let destination = vault.destination("usb");
    let known = shipped(&vault, &destination).unwrap();
    let before = pieces(&destination).len();
    assert!(vault.shared_pieces() > 0);
    assert_eq!(before, 3 + of_newest(&vault) - vault.shared_pieces());
    vault.commit(None);
    vault.capture_beside();
    let sent = ship(&vault.source(), &destination, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap();
    let new = of_newest(&vault) - vault.shared_pieces();
    assert!(new < of_newest(&vault));
    // Three segments, two bases, what is new of the third, two manifests.
    assert_eq!((pieces(&destination).len(), sent.objects), (before + new, 3 + 2 + new as u64 + 2));
    is_sound(&vault, &destination);
    is_newest(&vault, &restored(&vault, &destination).unwrap().unwrap());

    // Each is compared once, not once for each base.
    let counted = Counted { inner: destination, opened: RefCell::default() };
    ship(&vault.source(), &counted, &vault.pinned(), &sent.newest, Compare::Hashes, &mut ()).unwrap();
    let mut opened = counted.opened.into_inner();
    opened.retain(|path| path.contains("/pieces/"));
    opened.sort();
    assert_eq!(opened, pieces(&counted.inner));
}

#[test]
fn a_piece_that_was_changed_or_removed_is_named_and_never_restored() {
    let vault = busy();
    let destination = vault.destination("usb");
    shipped(&vault, &destination).unwrap();
    let piece = vault.newest_piece();
    let path = destination.root().join(&piece);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    fs::write(&path, &bad).unwrap();
    let sources = Sources::both(&destination);
    let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).unwrap();
    let to = tempfile::tempdir().unwrap();
    let refused = restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap_err();
    assert!(refused.to_string().contains(&piece), "{refused}");
    assert!(!to.path().join("vault/audit.db").exists());
    let compared =
        ship(&vault.source(), &destination, &vault.pinned(), &KnownPoint::default(), Compare::Hashes, &mut ());
    let Err(ShipError::Damaged { fault: Fault::WrongHash { object, .. }, .. }) = compared else {
        panic!("{compared:?}")
    };
    assert_eq!(object, piece);
    // Once it is gone it is sent again, and the restore that was broken off goes on.
    fs::remove_file(&path).unwrap();
    ship(&vault.source(), &destination, &vault.pinned(), &KnownPoint::default(), Compare::Hashes, &mut ()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), good);
    restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap();
    is_newest(&vault, &to);
}

#[test]
fn backups_of_the_version_before_are_gone_on_with_and_restored() {
    let mut vault = Vault::new();
    vault.former = true;
    vault.capture();
    vault.commit(Some(4));
    vault.capture_beside();
    vault.commit(None);
    let destination = vault.destination("usb");
    let known = shipped(&vault, &destination).unwrap();
    assert_eq!(pieces(&destination), Vec::<String>::new());
    is_sound(&vault, &destination);
    is_newest(&vault, &restored(&vault, &destination).unwrap().unwrap());

    vault.former = false;
    vault.capture_beside();
    vault.commit(Some(5));
    let newest =
        ship(&vault.source(), &destination, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap().newest.main;
    assert_eq!((newest.unwrap().number.get(), pieces(&destination).len()), (3, of_newest(&vault)));
    is_sound(&vault, &destination);
    is_newest(&vault, &restored(&vault, &destination).unwrap().unwrap());
    // A moment before the change of formats, whose base is the former one.
    let at = Wanted::At(vault.main[1].manifest.heading.time);
    let sources = Sources::both(&destination);
    let plan = restore::plan(&sources, &vault.pinned(), at, LostLog::Refuse, &mut ()).unwrap();
    let to = tempfile::tempdir().unwrap();
    restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap();
    assert!(fs::read(to.path().join("vault").join(Chain::Audit.file())).unwrap() == vault.content(Chain::Audit));
}

#[test]
fn whoever_wants_the_newest_reads_two_lists_of_pieces_however_many_points_there_are() {
    let mut vault = Vault::captured(3);
    for document in 4..7 {
        vault.commit(Some(document));
        vault.capture_beside();
    }
    vault.commit(Some(7));
    let counted = Counted { inner: vault.source(), opened: RefCell::default() };
    let planned = |lost_log| {
        let plan = restore::plan(&Sources::both(&counted), &vault.pinned(), Wanted::Newest, lost_log, &mut ()).unwrap();
        let is_main = |path: &&String| path.starts_with("main/") && path.contains("/manifests/");
        let read = counted.opened.take().iter().filter(is_main).count();
        ((plan.captured, plan.window, plan.next, plan.files(), plan.bytes(), plan.lost), read)
    };
    // Where less than the newest would do, all are looked at.
    let ((short, read), (long, all)) = (planned(LostLog::Refuse), planned(LostLog::Accept));
    assert_eq!((read, all), (2, 6));
    assert_eq!((short.0, short.1), (vault.now, (vault.main[0].manifest.heading.time, vault.now)));
    assert_eq!(short, long);
}
