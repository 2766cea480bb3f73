//! Base backups that travel beside the segments: none of those waits for them, and at every moment the destination alone
//! gives back what was confirmed.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coffre_backup::destination::{Destination, Memory, PutError, Source};
use coffre_backup::follow::{Event, Following, follow};
use coffre_backup::run::{Job, run};
use coffre_backup::ship::{Compare, KnownPoint};
use coffre_backup::state::State;
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_backup::{Ending, Observer, Sources};
use coffre_core::spool::Manifest as _;
use coffre_core::time::Timestamp;

use crate::busy::{is_newest, restored, shipped};
use crate::doubles::reads_from_within;
use crate::faults::{Fate, Faulty};
use crate::running::Served;
use crate::vault::{Vault, noon};

/// One base in the chains, with segments after it that were shipped.
fn followed() -> Vault {
    let mut vault = Vault::captured(1);
    (0..3).for_each(|n| vault.commit((n == 1).then_some(4)));
    vault
}

fn verified(place: &dyn Source, vault: &Vault) -> Verified {
    verify(&Sources::both(place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap()
}

/// How the names of bases end.
const BASE: &str = ".base";

/// What becomes of bases at a place; everything else is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bases {
    Held,
    Refused,
    Taken,
}

/// A place that takes bases as it is told to, from the second on.
struct Gate {
    inner: Memory,
    bases: Mutex<Bases>,
    changed: Condvar,
    met: AtomicBool,
}

impl Gate {
    fn new(bases: Bases) -> Self {
        Self { inner: Memory::new(), bases: Mutex::new(bases), changed: Condvar::new(), met: AtomicBool::new(false) }
    }

    fn set(&self, bases: Bases) {
        *self.bases.lock().unwrap() = bases;
        self.changed.notify_all();
    }
}

/// Whether a place has the newest base backup of a vault.
fn has_newest(place: &dyn Source, vault: &Vault) -> bool {
    let name = vault.main.last().unwrap().manifest.name().path(&Vault::scope());
    place.size(&name).unwrap().is_some()
}

/// Lets bases in once it is dropped, however a test ends.
struct Open<'a>(&'a Gate);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(Bases::Taken);
    }
}

reads_from_within!(Gate, _this => "gate".to_owned());

impl Destination for Gate {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        if path.ends_with(BASE) && !path.ends_with("01.base") {
            self.met.store(true, Ordering::SeqCst);
            let bases = self.changed.wait_while(self.bases.lock().unwrap(), |bases| *bases == Bases::Held).unwrap();
            if *bases == Bases::Refused {
                return Err(PutError::Full { place: self.label() });
            }
        }
        self.inner.put(path, content)
    }
}

/// What was told while places were followed to.
#[derive(Default)]
struct Told {
    /// How far each place reaches, and how often it was told that something got there.
    reached: Mutex<BTreeMap<String, (Timestamp, usize)>>,
    failed: AtomicUsize,
}

impl Told {
    fn note(&self, event: &Event<'_>) {
        match event {
            Event::Shipped { destination, captured, .. } => {
                let times = self.times(destination) + 1;
                self.reached.lock().unwrap().insert((*destination).to_owned(), (*captured, times));
            }
            Event::Failed { .. } => drop(self.failed.fetch_add(1, Ordering::SeqCst)),
        }
    }

    fn has_reached(&self, place: &str, moment: Timestamp) -> bool {
        self.reached.lock().unwrap().get(place).is_some_and(|(reached, _)| *reached >= moment)
    }

    fn times(&self, place: &str) -> usize {
        self.reached.lock().unwrap().get(place).map_or(0, |(_, times)| *times)
    }

    fn failed(&self) -> usize {
        self.failed.load(Ordering::SeqCst)
    }
}

/// Asks to stop when it was dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Until<'a>(&'a AtomicBool);

impl Observer for Until<'_> {
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn wait(mut until: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never happened");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Follows from a vault to places as long as something happens.
fn followed_to(
    vault: &mut Vault,
    memory: &Path,
    places: &[(&str, &(dyn Destination + Sync))],
    happens: impl FnOnce(&mut Vault, &Told),
) {
    let (spool, pinned, stop, told) = (vault.spool(), vault.pinned(), AtomicBool::new(false), Told::default());
    let destinations = places.iter().map(|(name, place)| ((*name).to_owned(), *place)).collect();
    let following = Following { spool: &spool, memory, pinned: &pinned, destinations };
    thread::scope(|scope| {
        let run = || follow(&following, &noon, &mut Until(&stop), &mut |event: &Event<'_>| told.note(event));
        let (following, stop) = (scope.spawn(run), Stop(&stop));
        happens(vault, &told);
        drop(stop);
        following.join().unwrap().unwrap();
    });
}

/// Commits, and sees that each is confirmed and can be had from the place alone, while the base is not there.
fn goes_on(vault: &mut Vault, gate: &Gate, told: &Told) {
    for document in 5..8 {
        vault.commit((document == 6).then_some(document));
        wait(|| told.has_reached("gate", vault.now));
        assert!(!has_newest(gate, vault));
        let found = verified(gate, vault);
        assert_eq!((found.faults, found.restorable_to), (vec![], Some(vault.now)));
        is_newest(vault, &restored(vault, gate).unwrap().unwrap());
    }
}

/// Sees that a place holds everything, base and all.
fn is_whole(vault: &Vault, place: &dyn Source) {
    let found = verified(place, vault);
    assert_eq!((found.faults, found.notices, found.restorable_to), (vec![], vec![], Some(vault.now)));
    assert_eq!(found.points, vault.main.len() as u64);
    is_newest(vault, &restored(vault, place).unwrap().unwrap());
}

#[test]
fn segments_do_not_wait_for_a_base_that_is_on_its_way_nor_does_another_place() {
    let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
    let (gate, quick) = (Gate::new(Bases::Held), Memory::new());
    followed_to(&mut vault, memory.path(), &[("gate", &gate), ("quick", &quick)], |vault, told| {
        let open = Open(&gate);
        wait(|| told.has_reached("gate", vault.now));
        vault.capture_beside();
        wait(|| gate.met.load(Ordering::SeqCst) && has_newest(&quick, vault));
        goes_on(vault, &gate, told);
        let before = told.times("gate");
        drop(open);
        // It is there a moment before it is known to be.
        wait(|| has_newest(&gate, vault) && told.times("gate") > before);
        vault.commit(None);
        wait(|| ["gate", "quick"].iter().all(|place| told.has_reached(place, vault.now)));
        assert_eq!(told.failed(), 0);
    });
    is_whole(&vault, &gate);
    is_whole(&vault, &quick);
    let known = State::load(memory.path()).unwrap().targets["gate"].known();
    assert_eq!(known.main.unwrap().number, vault.main[1].manifest.heading.number);
}

#[test]
fn a_run_sees_to_everything_else_while_a_base_is_on_its_way() {
    let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
    let (gate, other, pinned) = (Gate::new(Bases::Held), Memory::new(), vault.pinned());
    followed_to(&mut vault, memory.path(), &[("gate", &gate)], |vault, told| {
        let open = Open(&gate);
        let remembered = || State::load(memory.path()).unwrap().targets.contains_key("gate");
        wait(|| told.has_reached("gate", vault.now) && remembered());
        vault.capture_beside();
        wait(|| gate.met.load(Ordering::SeqCst));
        let (spool, now) = (vault.spool(), vault.now);
        let job = Job {
            spool: &spool,
            memory: memory.path(),
            pinned: &pinned,
            destinations: vec![
                ("gate".to_owned(), &gate as &dyn Destination),
                ("other".to_owned(), &other as &dyn Destination),
            ],
            repository: None,
            restic: None,
            init: false,
            compare: Compare::Sizes,
            renewed: Vec::new(),
            objective_seconds: 3_600,
        };
        let report = run(&job, &mut Served::No, &|| now, &mut ()).unwrap();
        let seen: Vec<_> = report.targets.iter().map(|target| (target.result.is_ok(), target.followed)).collect();
        assert_eq!((report.ending, seen), (Ending::Success, vec![(true, true), (true, false)]), "{report:?}");
        assert!(has_newest(&other, vault) && !has_newest(&gate, vault));
        goes_on(vault, &gate, told);
        drop(open);
        wait(|| has_newest(&gate, vault));
        assert_eq!(told.failed(), 0);
    });
    is_whole(&vault, &gate);
}

#[test]
fn a_base_that_was_on_its_way_when_the_process_ended_still_keeps_no_segment_waiting() {
    let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
    let gate = Gate::new(Bases::Held);
    assert!(shipped(&vault, &gate).is_some());
    vault.capture_beside();
    vault.commit(None);
    vault.capture_beside();
    followed_to(&mut vault, memory.path(), &[("gate", &gate)], |vault, told| {
        let open = Open(&gate);
        wait(|| told.has_reached("gate", vault.committed));
        goes_on(vault, &gate, told);
        drop(open);
        // Both of them, the older one first.
        wait(|| has_newest(&gate, vault));
        assert_eq!(told.failed(), 0);
    });
    is_whole(&vault, &gate);
}

#[test]
fn a_base_that_a_place_refuses_is_told_of_while_segments_go_on() {
    let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
    let gate = Gate::new(Bases::Refused);
    followed_to(&mut vault, memory.path(), &[("gate", &gate)], |vault, told| {
        wait(|| told.has_reached("gate", vault.now));
        vault.capture_beside();
        wait(|| told.failed() > 0);
        goes_on(vault, &gate, told);
    });
    let target = State::load(memory.path()).unwrap().targets["gate"].clone();
    let cause = target.last_failure.unwrap().cause;
    assert!(cause.contains("full"), "{cause}");
    assert_eq!(target.last_success.unwrap().captured, vault.now, "and how far it reaches all the same");
    // It is sent again, and then nothing is told of it any more.
    gate.set(Bases::Taken);
    followed_to(&mut vault, memory.path(), &[("gate", &gate)], |vault, _| wait(|| has_newest(&gate, vault)));
    is_whole(&vault, &gate);
    assert_eq!(State::load(memory.path()).unwrap().targets["gate"].last_failure, None);
}

#[test]
fn another_manifest_where_a_base_brings_its_own_is_a_fork() {
    let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
    let gate = Gate::new(Bases::Held);
    assert!(shipped(&vault, &gate).is_some());
    let mut other = vault.copied();
    vault.capture_beside();
    other.commit(None);
    other.capture_beside();
    followed_to(&mut vault, memory.path(), &[("gate", &gate)], |vault, told| {
        let open = Open(&gate);
        wait(|| gate.met.load(Ordering::SeqCst));
        let name = vault.main.last().unwrap().manifest.name().path(&Vault::scope());
        let mut theirs = Vec::new();
        other.source().open(&name, None).unwrap().read_to_end(&mut theirs).unwrap();
        gate.inner.put(&name, &mut theirs.as_slice()).unwrap();
        drop(open);
        wait(|| told.failed() > 0);
    });
    let cause = State::load(memory.path()).unwrap().targets["gate"].last_failure.clone().unwrap().cause;
    assert!(cause.contains("gate was not written to"), "{cause}");
}

#[test]
fn whichever_write_goes_wrong_while_a_base_is_on_its_way_what_was_confirmed_is_there() {
    for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
        let mut nth = 0;
        loop {
            let (mut vault, memory) = (followed(), tempfile::tempdir().unwrap());
            let place = Faulty::new(fate, usize::MAX);
            assert!(shipped(&vault, &place).is_some());
            place.fail(nth);
            vault.capture_beside();
            vault.commit(Some(7));
            vault.commit(None);
            let mut went_wrong = false;
            followed_to(&mut vault, memory.path(), &[("place", &place)], |vault, told| {
                wait(|| told.failed() > 0 || has_newest(&place, vault) && told.has_reached("place", vault.now));
                went_wrong = told.failed() > 0;
            });
            let found = verified(&place, &vault);
            assert_eq!(found.faults, [], "{fate:?} {nth}");
            let confirmed = State::load(memory.path()).unwrap().targets["place"].last_success.clone();
            assert!(found.restorable_to >= confirmed.map(|confirmed| confirmed.captured), "{fate:?} {nth}");
            assert!(restored(&vault, &place).unwrap().is_ok(), "{fate:?} {nth}");
            followed_to(&mut vault, memory.path(), &[("place", &place)], |vault, told| {
                wait(|| has_newest(&place, vault) && told.has_reached("place", vault.now));
                assert_eq!(told.failed(), 0);
            });
            is_whole(&vault, &place);
            if !went_wrong {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "{fate:?}: only {nth} writes");
    }
}
