//! Who keeps whom waiting: a run goes on without a destination that another process sends to, leaves base backups to whoever
//! follows, and makes its snapshot without a lock that anybody else needs.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use coffre_backup::restic::Repository;
use coffre_backup::run::{Answer, Capture, Kept, NotCaptured, Report, TargetError};
use coffre_backup::{Ending, Observer};
use rustix::fs::{FlockOperation, flock};

use crate::running::{DAY, Machine, Served, endings};
use crate::vault::{Vault, noon};

/// What another process holds a lock by; none if somebody has it.
fn lock(path: &Path) -> Option<fs::File> {
    let file = fs::File::options().write(true).create(true).truncate(false).open(path).unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(file)
}

#[test]
fn a_destination_that_another_process_sends_to_is_seen_to_and_keeps_no_other_from_its_backup() {
    let vault = RefCell::new(Vault::captured(1));
    let mut machine = Machine::of(&vault.borrow());
    let path = machine.spool.join("backup-one.lock");
    let first = |report: &Report| (report.ending, report.targets[0].followed, endings(report));

    let sends = lock(&path).unwrap();
    let report = machine.run(&mut Served::No).unwrap();
    let nothing_yet = vec![Ending::ObjectiveMissed, Ending::Success];
    assert_eq!(first(&report), (Ending::ObjectiveMissed, true, nothing_yet));
    assert!(matches!(report.targets[0].result, Err(TargetError::OnItsWay)));
    drop(sends);
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!(first(&report), (Ending::Success, false, vec![Ending::Success; 2]));

    // A base backup of the next day is on its way for long: the one before counts until it is too old.
    let sends = lock(&path).unwrap();
    for (day, expected) in [(2, Ending::Success), (3, Ending::ObjectiveMissed)] {
        machine.now = noon().plus_seconds(day * DAY + 60);
        let report = machine.run(&mut Served::Yes(&vault)).unwrap();
        assert_eq!(first(&report), (expected, true, vec![Ending::Success; 2]), "{day}");
        let late: Vec<bool> = report.targets.iter().map(|target| target.late).collect();
        assert_eq!(late, [expected == Ending::ObjectiveMissed, false], "{day}");
        let captured = |name: &str| machine.state().targets[name].last_success.as_ref().unwrap().captured;
        assert_eq!((captured("one"), captured("two")), (noon().plus_seconds(DAY), noon().plus_seconds(day * DAY)));
    }
    // What nobody else does is not done, and said not to be.
    machine.renewed = vec!["one".to_owned()];
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!(first(&report), (Ending::Busy, false, vec![Ending::Busy, Ending::Success]));
    assert_eq!(machine.state().targets["one"].known().main.unwrap().number.get(), 1, "nothing was forgotten");
    drop(sends);
}

#[test]
fn a_base_backup_is_left_to_whoever_follows_and_its_segments_are_not() {
    let mut vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    machine.run(&mut Served::No).unwrap();
    vault.commit(None);
    vault.capture_beside();
    vault.commit(None);
    machine.now = vault.now;
    let follows = lock(&machine.spool.join("follow-one.lock")).unwrap();
    let report = machine.run(&mut Served::No).unwrap();
    assert_eq!(report.ending, Ending::Success, "{report:?}");
    assert_eq!(report.targets.iter().map(|target| target.followed).collect::<Vec<_>>(), [true, false]);
    let reached = |name: &str| {
        let success = machine.state().targets[name].last_success.clone().unwrap();
        (success.captured, success.newest.main.unwrap().number.get())
    };
    assert_eq!((reached("one"), reached("two")), ((vault.now, 1), (vault.now, 2)));
    drop(follows);
    machine.run(&mut Served::No).unwrap();
    assert_eq!(reached("one"), (vault.now, 2));
    assert_eq!(Vault::files(machine.destinations[0].root()), Vault::files(machine.destinations[1].root()));
}

/// A vault that is asked to keep what is in its spool, and notes how many locks are free then.
struct Keeps {
    spool: PathBuf,
    told: Rc<Cell<u32>>,
}

/// Notes when nothing needs to be kept any more.
struct Noted(Rc<Cell<u32>>);

impl Kept for Noted {}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Capture for Keeps {
    fn capture(&mut self, _observer: &mut dyn Observer) -> Result<Answer, NotCaptured> {
        Ok(Answer::NotServed)
    }

    fn keep(&mut self) -> Box<dyn Kept> {
        for free in ["backup.lock", "backup-one.lock", "backup-two.lock", "state.lock"] {
            assert!(lock(&self.spool.join(free)).is_some(), "{free}");
        }
        assert!(lock(&self.spool.join("snapshot.lock")).is_none());
        self.told.set(self.told.get() + 1);
        Box::new(Noted(Rc::clone(&self.told)))
    }
}

#[test]
fn a_snapshot_keeps_nobody_from_shipping_and_the_spool_from_being_emptied() {
    let vault = Vault::captured(1);
    let mut machine = Machine::of(&vault);
    fs::write(vault.path("password"), "secret").unwrap();
    machine.repository = Some(Repository {
        cache: Some(vault.path("cache")),
        ..Repository::new(vault.path("repository").display().to_string(), vault.path("password"))
    });
    machine.init = true;
    let told = Rc::new(Cell::new(0));
    let mut keeps = Keeps { spool: machine.spool.clone(), told: Rc::clone(&told) };
    let report = machine.run(&mut keeps).unwrap();
    assert_eq!((report.ending, told.get()), (Ending::Success, 2), "{report:?}");

    // While one is being made by another run, this one does all the rest.
    let makes = lock(&machine.spool.join("snapshot.lock")).unwrap();
    let report = machine.run(&mut keeps).unwrap();
    let others = [Ending::Success, Ending::Success, Ending::Busy];
    assert_eq!((report.ending, &endings(&report)[..], told.get()), (Ending::Busy, &others[..], 2));
    assert_eq!(machine.state().targets["restic"].failures, 0, "nothing failed");
    drop(makes);
}
