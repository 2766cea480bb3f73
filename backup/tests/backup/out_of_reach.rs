//! Places that get out of reach while they are looked at, that keep one object back, or that give other bytes the second
//! time: what is not known passes neither for lost nor for another's, and what was not signed for nothing at all.

use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use coffre_backup::destination::{Contents, Destination, Memory, PutError, Source, SourceError};
use coffre_backup::expiry;
use coffre_backup::restore::{self, LostLog, RestoreError};
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::verify::{Depth, VerifyError, verify};
use coffre_backup::{Ending, Ends as _, Sources};
use coffre_core::spool::{Fault, Wanted};

use crate::busy::{busy, is_newest, restored, shipped};
use crate::vault::Vault;

/// What happens when such an object is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The place is lost.
    Opening,
    /// It is lost once the object is read.
    Reading,
    /// The place lets nobody in any more.
    Locked,
    /// The object is not given, and the place goes on.
    Kept,
    /// The first time, the connection breaks while it is read, and there is another one.
    Once,
}

/// A place in memory that is lost at certain objects; answers to writes of those are lost, too.
struct Leaving {
    inner: Memory,
    at: String,
    loss: Loss,
    gone: AtomicBool,
    broke: AtomicBool,
    /// What was opened after it had gone.
    in_vain: AtomicUsize,
}

impl Leaving {
    fn new(inner: Memory, at: &str, loss: Loss) -> Self {
        let (gone, broke) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inner, at: at.to_owned(), loss, gone, broke, in_vain: AtomicUsize::new(0) }
    }

    fn answers(&self) -> Result<(), SourceError> {
        let place = self.label();
        if !self.gone.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(match self.loss {
            Loss::Locked => SourceError::Refused { place, source: io::ErrorKind::PermissionDenied.into() },
            _ => SourceError::Unreachable { place, source: io::ErrorKind::TimedOut.into() },
        })
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Source for Leaving {
    fn label(&self) -> String {
        "leaving".to_owned()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        self.answers().inspect_err(|_| {
            self.in_vain.fetch_add(1, Ordering::SeqCst);
        })?;
        if !path.contains(&self.at) {
            return self.inner.open(path, range);
        }
        self.gone.store(matches!(self.loss, Loss::Opening | Loss::Reading | Loss::Locked), Ordering::SeqCst);
        if self.loss == Loss::Once && self.broke.swap(true, Ordering::SeqCst) {
            return self.inner.open(path, range);
        }
        if matches!(self.loss, Loss::Reading | Loss::Once) {
            return Ok(Box::new(Broken));
        }
        self.answers()?;
        let source = io::ErrorKind::PermissionDenied.into();
        Err(SourceError::Io { place: self.label(), path: path.to_owned(), source })
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.answers()?;
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.answers()?;
        self.inner.list(folder)
    }
}

impl Destination for Leaving {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let written = self.inner.put(path, content)?;
        let there = || PutError::Exists { place: self.label(), path: path.to_owned() };
        if path.contains(&self.at) { Err(there()) } else { Ok(written) }
    }
}

/// A place that everything was shipped to.
fn full(vault: &Vault) -> (Memory, KnownPoint) {
    let inner = Memory::new();
    let known = shipped(vault, &inner).unwrap();
    (inner, known)
}

#[test]
fn a_place_that_gets_out_of_reach_has_lost_nothing_and_is_asked_no_more() {
    let vault = busy();
    for loss in [Loss::Opening, Loss::Reading] {
        for at in ["/manifests/", ".base", ".segment", "/pieces/", "/documents/"] {
            let (inner, known) = full(&vault);
            let place = Leaving::new(inner, at, loss);
            let error = verify(&Sources::both(&place), &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap_err();
            assert!(matches!(error, VerifyError::Source(SourceError::Unreachable { .. })), "{at} {loss:?}: {error}");
            assert_eq!(place.in_vain.load(Ordering::SeqCst), 0, "{at} {loss:?}");
        }
        // Neither set back nor another vault's: the next run may find all of it there.
        let (inner, known) = full(&vault);
        for (inner, known) in [(inner, known), (Memory::new(), KnownPoint::default())] {
            let place = Leaving::new(inner, "/manifests/", loss);
            let error = ship(&vault.source(), &place, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap_err();
            let unreachable = matches!(error, ShipError::Destination(SourceError::Unreachable { .. }));
            assert!(unreachable && error.ending() == Ending::Temporary, "{loss:?}: {error}");
        }
    }
}

#[test]
fn a_place_that_lets_nobody_in_any_more_is_not_called_damaged() {
    let vault = busy();
    for at in ["/manifests/", ".base", ".segment", "/pieces/", "/documents/"] {
        let (inner, known) = full(&vault);
        let place = Leaving::new(inner, at, Loss::Locked);
        let error = verify(&Sources::both(&place), &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap_err();
        assert_eq!(error.ending(), Ending::WrongKey, "{at}: {error}");
    }
}

#[test]
fn a_restore_is_planned_over_another_connection_and_calls_no_segment_damaged_that_is_out_of_reach() {
    let vault = busy();
    let place = Leaving::new(full(&vault).0, ".segment", Loss::Once);
    is_newest(&vault, &restored(&vault, &place).unwrap().unwrap());
    assert!(place.broke.load(Ordering::SeqCst));
    let place = Leaving::new(full(&vault).0, ".segment", Loss::Reading);
    let plan = restore::plan(&Sources::both(&place), &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ());
    let error = plan.map(drop).unwrap_err();
    assert_eq!(error.ending(), Ending::Temporary, "{error}");
}

#[test]
fn a_restore_goes_on_over_another_connection_and_calls_no_place_damaged_that_is_out_of_reach() {
    let vault = busy();
    // A piece is one of several that a file is made of: what was added before it stays.
    let (last, piece) = (vault.last_piece(), "/pieces/");
    for at in [".base", piece, last.as_str(), "/documents/"] {
        let place = Leaving::new(full(&vault).0, at, Loss::Once);
        is_newest(&vault, &restored(&vault, &place).unwrap().unwrap());
        assert!(place.broke.load(Ordering::SeqCst), "{at}");
        let place = Leaving::new(full(&vault).0, at, Loss::Reading);
        let error = restored(&vault, &place).unwrap().unwrap_err();
        assert!(matches!(error, RestoreError::Source(SourceError::Unreachable { .. })), "{at}: {error}");
    }
}

#[test]
fn a_piece_that_is_read_the_second_time_is_not_lost() {
    let vault = busy();
    for at in [vault.last_piece(), vault.newest_piece()] {
        let place = Leaving::new(full(&vault).0, &at, Loss::Once);
        let sources = Sources::both(&place);
        let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Accept, &mut ()).unwrap();
        assert!(place.broke.load(Ordering::SeqCst) && plan.lost.is_none(), "{at}: {:?}", plan.lost);
        assert_eq!(plan.newest, vault.now);
    }
}

#[test]
fn copies_of_a_place_that_gets_out_of_reach_are_not_called_damaged() {
    let vault = busy();
    for at in [".base", ".segment"] {
        let place = Leaving::new(full(&vault).0, at, Loss::Reading);
        let error = expiry::plan(&place, &vault.pinned(), 1, vault.now, &mut ()).unwrap_err();
        assert_eq!(error.ending(), Ending::Temporary, "{at}: {error}");
    }
}

#[test]
fn what_a_place_in_reach_does_not_give_is_at_fault() {
    let vault = busy();
    for at in ["/manifests/", ".base", "/pieces/", "/documents/"] {
        let (inner, known) = full(&vault);
        let place = Leaving::new(inner, at, Loss::Kept);
        let found = verify(&Sources::both(&place), &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap();
        let named = |fault: &&Fault| matches!(fault, Fault::Unreadable { object, .. } if object.contains(at));
        assert!(found.faults.iter().filter(named).count() > 1, "{at}: {:?}", found.faults);
    }
}

/// Gives an inventory as it was signed, and every second time one with another document in it.
struct TwoFaced {
    inner: Memory,
    opened: AtomicUsize,
}

impl Source for TwoFaced {
    fn label(&self) -> String {
        "two-faced".to_owned()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        let mut content = self.inner.open(path, range)?;
        if !path.contains("/inventories/") || self.opened.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Ok(content);
        }
        let mut text = String::new();
        content.read_to_string(&mut text).unwrap();
        // The last digit of the last document's hash.
        let other = if text.ends_with("0\n") { "1\n" } else { "0\n" };
        text.replace_range(text.len() - 2.., other);
        Ok(Box::new(Cursor::new(text.into_bytes())))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.inner.list(folder)
    }
}

#[test]
fn an_inventory_that_is_another_the_second_time_is_not_believed() {
    let vault = Vault::captured(1);
    let (inner, known) = full(&vault);
    let place = TwoFaced { inner, opened: AtomicUsize::new(0) };
    let found = verify(&Sources::both(&place), &vault.pinned(), &known, Depth::Listed, &mut ()).unwrap();
    let is_inventory = |object: &str| object.contains("/inventories/");
    assert!(
        matches!(&found.faults[..], [Fault::WrongHash { object, .. }] if is_inventory(object)),
        "{:?}",
        found.faults
    );
    assert!(restored(&vault, &place).is_none(), "a restore of other documents than were signed was planned");
}
