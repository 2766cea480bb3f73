//! A whole run: ask the vault for a base backup, ship it to every destination, make a snapshot,
//! remember how each went. One target's failure does not keep the others from theirs.
//!
//! Locks: `backup.lock` until everything is shipped, so that of two runs one ends at once; within it that of a
//! destination while it is shipped to, which `follow` takes, too; after it `snapshot.lock` while restic works. So `follow`
//! goes on wherever a run does not ship at the moment, and a run goes on without a destination that `follow` sends to.

mod targets;

use std::path::{Path, PathBuf};

use coffre_core::spool::{Fault, Known, NoPoint, Pinned};
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::destination::{Destination, FileSystem, SourceError};
use crate::ending::{Ending, Ends};
use crate::lock::{Lock, LockError};
use crate::objective;
use crate::observer::Observer;
use crate::restic::{BackupError, Failure, Repository};
use crate::ship::{Compare, ShipError, newest_point};
use crate::sources::{Sources, Surveyed};
use crate::state::{State, StateError, Success};
use targets::Runner;

/// One run at a time captures and ships.
const LOCK: &str = "backup.lock";
/// One at a time makes a snapshot.
const SNAPSHOT_LOCK: &str = "snapshot.lock";

/// Whoever copies to a destination has this lock: a run, or `follow` for each step and while a base is on its way.
pub(crate) fn lock_of(memory: &Path, destination: &str) -> PathBuf {
    memory.join(format!("backup-{destination}.lock"))
}

/// Whoever follows to a destination has this lock for as long as it does.
pub(crate) fn lock_of_follower(memory: &Path, destination: &str) -> PathBuf {
    memory.join(format!("follow-{destination}.lock"))
}

/// What the vault's process answers when it is asked for a base backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took one.
    Captured {
        /// The manifest's number.
        number: u64,
    },
    /// It captures continuously: everything is in the spool, after the base backup of this number.
    Current {
        /// The manifest's number.
        number: u64,
    },
    /// No server answers: what was captured before is shipped.
    NotServed,
}

/// Why the vault's process took no base backup.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{told}")]
pub struct NotCaptured {
    /// In its own words, remedy included.
    pub told: String,
    /// How a run ends by it.
    pub ending: Ending,
}

/// Asks the vault's process for a base backup in the spool, and to keep what is there.
pub trait Capture {
    /// Asks, and waits until it is taken.
    fn capture(&mut self, observer: &mut dyn Observer) -> Result<Answer, NotCaptured>;

    /// Has nothing dropped from the spool as long as the answer lives. Where no server answers nothing is.
    fn keep(&mut self) -> Box<dyn Kept> {
        Box::new(())
    }
}

/// As long as it lives, nothing is dropped from the spool.
pub trait Kept {}

/// Nobody would drop anything.
impl Kept for () {}

/// Where a run goes to.
pub struct Job<'a> {
    /// The spool.
    pub spool: &'a Path,
    /// The folder of the locks and of what is remembered. The spool itself will do, where the backup
    /// account may write to its root; it needs no more than to read what is below.
    pub memory: &'a Path,
    /// The vault that is meant and the key that speaks for it.
    pub pinned: &'a Pinned,
    /// Destinations by name.
    pub destinations: Vec<(String, &'a dyn Destination)>,
    /// The repository by name, if there is one.
    pub repository: Option<(String, &'a Repository)>,
    /// The restic program; the one in PATH if none.
    pub restic: Option<&'a Path>,
    /// Whether a repository that is not there is created.
    pub init: bool,
    /// How closely the destinations are looked at.
    pub compare: Compare,
    /// Names of targets that are new on purpose: what is remembered of them is forgotten.
    pub renewed: Vec<String>,
    /// How old the newest point may be, in seconds.
    pub objective_seconds: i64,
}

/// A run that did not begin.
#[derive(Debug, Error)]
pub enum RunError {
    /// Another run is under way.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is remembered cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no spool.
    #[error(
        "there is no spool at {path}, or none that this account may see: create the folder, owned by the vault's user and readable by its group"
    )]
    NoSpool {
        /// Where it should be.
        path: PathBuf,
    },
    /// Nothing is configured.
    #[error(
        "there is no destination and no repository: add a [[backup.destination]] or [backup.restic] to coffre.toml"
    )]
    NoTarget,
}

/// A target that was not reached.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The shipment failed.
    #[error(transparent)]
    Ship(#[from] ShipError),
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
    /// The snapshot failed.
    #[error(transparent)]
    Snapshot(#[from] BackupError),
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SourceError),
    /// The spool is not in order.
    #[error("no snapshot was made, the spool is not in order: {fault}")]
    Fault {
        /// What is wrong.
        fault: Fault,
    },
    /// The newest point in the spool is not whole.
    #[error("no snapshot was made of the spool: {0}")]
    Point(#[source] NoPoint),
    /// There is nothing to take.
    #[error("the spool holds no backup of this vault: run `coffre backup run` while the vault is served")]
    Empty,
    /// The snapshot does not hold the manifest that it was made for.
    #[error("snapshot {snapshot} does not give back the newest manifest: run `coffre backup verify` on the repository")]
    Unproven {
        /// The snapshot.
        snapshot: String,
    },
    /// It went well and could not be remembered.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another process is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// `follow` copies there, and nothing has got there yet.
    #[error("`coffre backup follow` is copying the first base backup there: it is no backup before that has arrived")]
    OnItsWay,
}

/// How a target went.
#[derive(Debug)]
pub struct TargetReport {
    /// Its name.
    pub name: String,
    /// What was done, or why not.
    pub result: Result<Success, TargetError>,
    /// Older faults found on a destination, which did not stand in the way.
    pub faults: Vec<Fault>,
    /// Whether `follow` sees to it: what was done is what it had got there, or all but a base backup that it brings.
    pub followed: bool,
    /// Whether what `follow` got there is older than the objective.
    pub late: bool,
}

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// What the vault answered.
    pub capture: Result<Answer, NotCaptured>,
    /// When the newest point in the spool was captured.
    pub captured: Option<Timestamp>,
    /// Seconds since then; negative if that is in the future.
    pub age: Option<i64>,
    /// Each target.
    pub targets: Vec<TargetReport>,
    /// How it ended, all in all.
    pub ending: Ending,
}

/// Runs a job. The clock is asked when something is remembered.
pub fn run(
    job: &Job<'_>,
    capture: &mut dyn Capture,
    clock: &dyn Fn() -> Timestamp,
    observer: &mut dyn Observer,
) -> Result<Report, RunError> {
    if !job.spool.is_dir() {
        return Err(RunError::NoSpool { path: job.spool.to_owned() });
    }
    if job.destinations.is_empty() && job.repository.is_none() {
        return Err(RunError::NoTarget);
    }
    let lock = Lock::file(&job.memory.join(LOCK))?;
    // One that is damaged is told before anything is done.
    State::load(job.memory)?;
    let answer = capture.capture(observer);
    let spool = FileSystem::new(job.spool);
    let newest = newest_in(&spool, job, observer).ok().flatten();
    let captured = newest.map(|newest| newest.captured);
    let age = captured.map(|captured| objective::age(captured, clock()));
    let mut runner = Runner { job, spool, newest, clock, targets: Vec::new() };
    for (name, destination) in &job.destinations {
        runner.ship(name, *destination, observer);
    }
    drop(lock);
    if let Some((name, repository)) = &job.repository {
        runner.snapshot(name, repository, capture, observer);
    }
    let targets = runner.targets;
    let ending = ending(job.objective_seconds, &answer, age, &targets);
    Ok(Report { capture: answer, captured, age, targets, ending })
}

fn ending(
    objective_seconds: i64,
    answer: &Result<Answer, NotCaptured>,
    age: Option<i64>,
    targets: &[TargetReport],
) -> Ending {
    let captured = match answer {
        Ok(Answer::Captured { .. } | Answer::Current { .. }) => Ending::Success,
        Ok(Answer::NotServed) => {
            let within = age.is_some_and(|age| objective::is_within(age, objective_seconds));
            if within { Ending::Success } else { Ending::ObjectiveMissed }
        }
        Err(error) => error.ending,
    };
    let of_target = |target: &TargetReport| match &target.result {
        Ok(_) => {
            // `follow` may be behind for a while. Within the objective that is how it should be.
            let of_age = if target.late { Ending::ObjectiveMissed } else { Ending::Success };
            target.faults.iter().map(Ends::ending).fold(of_age, Ending::max)
        }
        Err(error) => error.ending(),
    };
    targets.iter().map(of_target).fold(captured, Ending::max)
}

/// The newest point in a spool.
#[derive(Clone, Copy)]
struct Newest {
    main: Known,
    captured: Timestamp,
}

fn newest_in(spool: &FileSystem, job: &Job<'_>, observer: &mut dyn Observer) -> Result<Option<Newest>, TargetError> {
    let surveyed = Sources::both(spool).survey(job.pinned, observer)?;
    let Some(mut newest) = newest_of(&surveyed)? else { return Ok(None) };
    let point = newest_point(spool, &surveyed.listing, newest.main.generation, job.pinned)?;
    newest.captured = newest.captured.max(point.map_or(newest.captured, |header| header.time));
    Ok(Some(newest))
}

/// The newest point that has a base.
fn newest_of(surveyed: &Surveyed) -> Result<Option<Newest>, TargetError> {
    let main = &surveyed.survey.main;
    let Some(generation) = main.current().map_err(|fault| TargetError::Fault { fault })? else { return Ok(None) };
    let newest = main.generation(generation).and_then(|generation| generation.newest());
    Ok(newest.map(|signed| Newest { main: Known::of(signed), captured: signed.manifest.heading.time }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ship::KnownPoint;

    #[test]
    fn that_follow_is_late_hides_no_fault_of_the_destination() {
        let of = |late, faults: Vec<Fault>| {
            let moment = Timestamp::from_micros(0);
            let success = Success { time: moment, captured: moment, newest: KnownPoint::default(), bytes: 0 };
            let target = TargetReport { name: "usb".to_owned(), result: Ok(success), faults, followed: true, late };
            ending(3_600, &Ok(Answer::Current { number: 1 }), Some(0), &[target])
        };
        let changed = || vec![Fault::Missing { object: "main/x".to_owned(), needed_by: "a manifest".to_owned() }];
        assert_eq!([of(false, Vec::new()), of(true, Vec::new())], [Ending::Success, Ending::ObjectiveMissed]);
        assert_eq!([of(false, changed()), of(true, changed())], [Ending::Tampering; 2]);
    }
}
