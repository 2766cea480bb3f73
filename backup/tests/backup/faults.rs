//! Destinations that are slow, that break off, and that lie: nobody else waits for them, whatever was confirmed is
//! restored from the destination alone, and what is not the signed bytes is never taken.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use coffre_backup::destination::{Contents, Destination, Memory, PutError, Source, SourceError};
use coffre_backup::follow::{Event, Following, follow};
use coffre_backup::run::TargetError;
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::state::State;
use coffre_backup::{Ending, Ends as _, Observer};

use crate::busy::{busy, is_newest, restored, shipped};
use crate::doubles::reads_from_within;
use crate::vault::noon;

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not there.
    NotPersisted,
    /// It is there, and said to have failed.
    ReportedFailed,
    /// Nothing goes wrong, but for what is read: so many bytes are cut off, or one is another.
    Truncated,
    Garbled,
}

/// A place in memory, of which one write or everything read goes wrong.
pub(crate) struct Faulty {
    inner: Memory,
    fate: Fate,
    /// The write that goes wrong, counted from 0; and the writes so far.
    nth: AtomicUsize,
    writes: AtomicUsize,
}

impl Faulty {
    pub(crate) fn new(fate: Fate, nth: usize) -> Self {
        Self { inner: Memory::new(), fate, nth: AtomicUsize::new(nth), writes: AtomicUsize::new(0) }
    }

    /// Has this write go wrong, counted from now on.
    pub(crate) fn fail(&self, nth: usize) {
        self.nth.store(self.writes.load(Ordering::SeqCst) + nth, Ordering::SeqCst);
    }
}

impl Source for Faulty {
    fn label(&self) -> String {
        "faulty".to_owned()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        let mut bytes = Vec::new();
        self.inner.open(path, range)?.read_to_end(&mut bytes).unwrap();
        if self.writes.load(Ordering::SeqCst) == usize::MAX {
            match self.fate {
                Fate::Truncated => bytes.truncate(bytes.len() / 2),
                Fate::Garbled => bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0x55),
                Fate::NotPersisted | Fate::ReportedFailed => {}
            }
        }
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.inner.size(path)
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        self.inner.list(folder)
    }
}

impl Destination for Faulty {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let wrong = self.writes.fetch_add(1, Ordering::SeqCst) == self.nth.load(Ordering::SeqCst);
        match self.fate {
            Fate::NotPersisted if wrong => Err(PutError::Full { place: self.label() }),
            Fate::ReportedFailed if wrong => {
                self.inner.put(path, content)?;
                Err(PutError::Full { place: self.label() })
            }
            _ => self.inner.put(path, content),
        }
    }
}

#[test]
fn whichever_write_goes_wrong_the_destination_alone_restores_and_the_next_run_completes_it() {
    let vault = busy();
    let counting = Faulty::new(Fate::NotPersisted, usize::MAX);
    shipped(&vault, &counting).unwrap();
    let writes = counting.writes.load(Ordering::SeqCst);
    assert!(writes > 30, "{writes}");
    for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
        let mut restorable = 0;
        for nth in 0..writes {
            let destination = Faulty::new(fate, nth);
            assert!(shipped(&vault, &destination).is_none(), "{fate:?} {nth}: a failed write was not noticed");
            // A plan that is made is carried out: nothing that a point needs came after it.
            restorable += usize::from(restored(&vault, &destination).is_some_and(|done| done.is_ok()));
            shipped(&vault, &destination).unwrap();
            is_newest(&vault, &restored(&vault, &destination).unwrap().unwrap());
        }
        assert!(restorable > writes / 2, "{fate:?}: {restorable} of {writes}");
    }
}

#[test]
fn a_place_that_gives_garbage_or_half_of_everything_is_never_believed() {
    let vault = busy();
    for fate in [Fate::Truncated, Fate::Garbled] {
        let destination = Faulty::new(fate, usize::MAX);
        let known = shipped(&vault, &destination).unwrap();
        destination.writes.store(usize::MAX, Ordering::SeqCst);
        assert!(restored(&vault, &destination).is_none_or(|done| done.is_err()), "{fate:?}");
        let pinned = vault.pinned();
        let again = ship(&vault.source(), &destination, &pinned, &known, Compare::Sizes, &mut ());
        assert!(again.is_err(), "{fate:?}: what was there before is not there any more");
    }
}

/// Lets no write through before it is told to.
struct Slow {
    inner: Memory,
    begun: Sender<()>,
    let_go: Mutex<Receiver<()>>,
}

reads_from_within!(Slow, _this => "slow".to_owned());

impl Destination for Slow {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.begun.send(()).ok();
        // Ends when the test has let go: from then on nothing is sent any more.
        self.let_go.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        self.inner.put(path, content)
    }
}

/// Asks to stop when so many have been reached, or after a minute.
struct Until<'a>(&'a AtomicUsize, usize, Instant);

impl Observer for Until<'_> {
    fn cancelled(&self) -> bool {
        assert!(self.2.elapsed() < Duration::from_mins(1), "it never came");
        self.0.load(Ordering::SeqCst) >= self.1
    }
}

#[test]
fn a_slow_destination_holds_up_no_other() {
    let vault = busy();
    let (begun, has_begun) = channel();
    let (go, let_go) = channel();
    let slow = Slow { inner: Memory::new(), begun, let_go: Mutex::new(let_go) };
    let quick = Memory::new();
    let memory = tempfile::tempdir().unwrap();
    let (spool, pinned) = (vault.spool(), vault.pinned());
    let following = Following {
        spool: &spool,
        memory: memory.path(),
        pinned: &pinned,
        destinations: vec![("slow".to_owned(), &slow), ("quick".to_owned(), &quick)],
    };
    let (reached, mut order, mut go) = (AtomicUsize::new(0), Vec::new(), Some(go));
    let mut told = |event: &Event<'_>| {
        let Event::Shipped { destination, captured, .. } = event else { panic!("{event:?}") };
        assert_eq!(*captured, vault.now);
        if *destination == "quick" && go.is_some() {
            // Only now, with its first write under way or to come, may the other one go on.
            has_begun.recv_timeout(Duration::from_mins(1)).unwrap();
            drop(go.take());
        }
        order.push((*destination).to_owned());
        reached.store(order.len(), Ordering::SeqCst);
    };
    follow(&following, &noon, &mut Until(&reached, 2, Instant::now()), &mut told).unwrap();
    assert_eq!(order, ["quick", "slow"]);
    for place in [&slow as &dyn Source, &quick] {
        is_newest(&vault, &restored(&vault, place).unwrap().unwrap());
    }
}

/// A place where the second object of each lot is there already, as after a shipment that was cut off.
struct Ahead {
    inner: Memory,
    met: AtomicUsize,
}

reads_from_within!(Ahead, _this => "ahead".to_owned());

impl Destination for Ahead {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.inner.put(path, content)
    }

    fn put_in_order(&self, objects: &[(String, Vec<u8>)]) -> Result<(), PutError> {
        if let Some((path, content)) = objects.get(1)
            && self.inner.put(path, &mut content.as_slice()).is_ok()
        {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.put_in_order(objects)
    }
}

#[test]
fn segments_that_a_cut_off_shipment_left_are_gone_on_from() {
    let mut vault = busy();
    let ahead = Ahead { inner: Memory::new(), met: AtomicUsize::new(0) };
    let (memory, spool, pinned) = (tempfile::tempdir().unwrap(), vault.spool(), vault.pinned());
    let following = Following {
        spool: &spool,
        memory: memory.path(),
        pinned: &pinned,
        destinations: vec![("ahead".to_owned(), &ahead)],
    };
    let (reached, mut committed) = (AtomicUsize::new(0), 0);
    let mut told = |event: &Event<'_>| {
        let Event::Shipped { captured, .. } = event else { panic!("{event:?}") };
        if *captured == vault.now && committed < 3 {
            committed += 1;
            vault.commit(None);
        } else if *captured == vault.now {
            reached.store(1, Ordering::SeqCst);
        }
    };
    follow(&following, &noon, &mut Until(&reached, 1, Instant::now()), &mut told).unwrap();
    assert!(ahead.met.load(Ordering::SeqCst) > 0, "nothing was there beforehand");
    is_newest(&vault, &restored(&vault, &ahead).unwrap().unwrap());
}

/// A place where an object has a few bytes at most.
struct Narrow {
    inner: Memory,
}

reads_from_within!(Narrow, _this => "narrow".to_owned());

impl Destination for Narrow {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let size = self.inner.put(path, content)?;
        assert!(size <= 20_000, "{path} was sent to its end");
        Ok(size)
    }

    fn largest(&self) -> Option<u64> {
        Some(20_000)
    }
}

#[test]
fn what_is_too_large_for_a_place_is_told_before_it_is_sent() {
    let (vault, none) = (busy(), KnownPoint::default());
    let narrow = Narrow { inner: Memory::new() };
    let refused = ship(&vault.source(), &narrow, &vault.pinned(), &none, Compare::Sizes, &mut ()).unwrap_err();
    let ShipError::Put(PutError::TooLarge { path, .. }) = refused else { panic!("{refused}") };
    assert!(path.contains(".base"), "{path}");
}

#[test]
fn what_cannot_be_remembered_for_a_while_keeps_nothing_from_being_copied() {
    let mut vault = busy();
    let (place, memory) = (Memory::new(), tempfile::tempdir().unwrap());
    let (spool, pinned) = (vault.spool(), vault.pinned());
    let following = Following {
        spool: &spool,
        memory: memory.path(),
        pinned: &pinned,
        destinations: vec![("place".to_owned(), &place)],
    };
    // What is in the way of the file fails its writing as a full disk does.
    let in_the_way = memory.path().join("state.new");
    fs::create_dir(&in_the_way).unwrap();
    let (reached, mut failed) = (AtomicUsize::new(0), false);
    let mut told = |event: &Event<'_>| match event {
        Event::Failed { error, .. } => {
            assert!(matches!(error, TargetError::State(_)), "{error}");
            failed = true;
            fs::remove_dir(&in_the_way).unwrap();
            vault.commit(None);
        }
        Event::Shipped { captured, .. } => {
            reached.store(usize::from(failed && *captured == vault.now), Ordering::SeqCst);
        }
    };
    follow(&following, &noon, &mut Until(&reached, 1, Instant::now()), &mut told).unwrap();
    let state = State::load(memory.path()).unwrap();
    assert_eq!(state.targets["place"].last_success.as_ref().unwrap().captured, vault.now);
    is_newest(&vault, &restored(&vault, &place).unwrap().unwrap());
}

/// A place of which every answer to a write is lost on its way, so that what was written is there already when it is
/// asked again; or is there, and is another.
struct Unheard {
    inner: Memory,
    other: bool,
}

reads_from_within!(Unheard, _this => "unheard".to_owned());

impl Destination for Unheard {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        if self.other {
            bytes[0] ^= 1;
        }
        self.inner.put(path, &mut bytes.as_slice())?;
        Err(PutError::Exists { place: self.label(), path: path.to_owned() })
    }
}

#[test]
fn an_object_that_is_there_already_is_told_by_its_content() {
    let vault = busy();
    let unheard = Unheard { inner: Memory::new(), other: false };
    shipped(&vault, &unheard).unwrap();
    is_newest(&vault, &restored(&vault, &unheard).unwrap().unwrap());
    let another = Unheard { inner: Memory::new(), other: true };
    let (pinned, none) = (vault.pinned(), KnownPoint::default());
    let refused = ship(&vault.source(), &another, &pinned, &none, Compare::Sizes, &mut ()).unwrap_err();
    assert_eq!(refused.ending(), Ending::Tampering, "{refused}");
}
