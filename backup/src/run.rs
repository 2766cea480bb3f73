//! A whole run: ask the vault for a base backup, ship it to every destination, make a snapshot,
//! remember how each went. One target's failure does not keep the others from theirs.

use std::path::{Path, PathBuf};

use coffre_core::spool::{Fault, Known, Manifest as _, NoPoint, ObjectName, Pinned, Side, Wanted};
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::destination::{Destination, FileSystem, SourceError};
use crate::ending::{Ending, Ends};
use crate::lock::{Lock, LockError};
use crate::observer::Observer;
use crate::restic::{BackupError, Compression, Failure, Repository, Restic, Subject};
use crate::ship::{Compare, KnownPoint, ShipError, last_point, newest_point, ship};
use crate::snapshot;
use crate::sources::{Sources, Surveyed};
use crate::state::{Failed, State, StateError, Success};

/// Serialises runs over one spool.
pub(crate) const LOCK: &str = "backup.lock";

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

/// Asks the vault's process for a base backup in the spool.
pub trait Capture {
    /// Asks, and waits until it is taken.
    fn capture(&mut self, observer: &mut dyn Observer) -> Result<Answer, NotCaptured>;
}

/// Where a run goes to.
pub struct Job<'a> {
    /// The spool.
    pub spool: &'a Path,
    /// The folder of the lock and of what is remembered. The spool itself will do, where the backup
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
}

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// What the vault answered.
    pub capture: Result<Answer, NotCaptured>,
    /// When the newest point in the spool was captured.
    pub captured: Option<Timestamp>,
    /// Seconds since then.
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
    let _lock = Lock::file(&job.memory.join(LOCK))?;
    let mut state = State::load(job.memory)?;
    state.targets.retain(|name, _| !job.renewed.contains(name));
    let answer = capture.capture(observer);
    let spool = FileSystem::new(job.spool);
    let newest = newest_in(&spool, job, observer).ok().flatten();
    let captured = newest.map(|newest| newest.captured);
    let age = captured.map(|captured| (clock().as_seconds() - captured.as_seconds()).max(0));
    let mut runner = Runner { job, spool, state, clock, targets: Vec::new() };
    for (name, destination) in &job.destinations {
        runner.ship(name, *destination, observer);
    }
    if let Some((name, repository)) = &job.repository {
        runner.snapshot(name, repository, observer);
    }
    let targets = runner.targets;
    let ending = ending(job, &answer, age, &targets);
    Ok(Report { capture: answer, captured, age, targets, ending })
}

fn ending(job: &Job<'_>, answer: &Result<Answer, NotCaptured>, age: Option<i64>, targets: &[TargetReport]) -> Ending {
    let captured = match answer {
        Ok(Answer::Captured { .. } | Answer::Current { .. }) => Ending::Success,
        Ok(Answer::NotServed) if age.is_some_and(|age| age <= job.objective_seconds) => Ending::Success,
        Ok(Answer::NotServed) => Ending::ObjectiveMissed,
        Err(error) => error.ending,
    };
    let of_target = |target: &TargetReport| match &target.result {
        Ok(_) => target.faults.iter().map(Ends::ending).max().unwrap_or(Ending::Success),
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
    let Some((mut newest, _)) = newest_of(&surveyed)? else { return Ok(None) };
    let point = newest_point(spool, &surveyed.listing, newest.main.generation, job.pinned)?;
    newest.captured = newest.captured.max(point.map_or(newest.captured, |header| header.time));
    Ok(Some(newest))
}

/// The newest point and the path and bytes of its manifest.
fn newest_of(surveyed: &Surveyed) -> Result<Option<(Newest, &[u8])>, TargetError> {
    let main = &surveyed.survey.main;
    let Some(generation) = main.current().map_err(|fault| TargetError::Fault { fault })? else { return Ok(None) };
    let Some(signed) = main.generation(generation).and_then(|generation| generation.newest()) else { return Ok(None) };
    let newest = Newest { main: Known::of(signed), captured: signed.manifest.heading.time };
    let name = signed.manifest.name();
    let note = surveyed.notes.iter().find(|(note, _)| *note == name);
    Ok(note.map(|(_, bytes)| (newest, bytes.as_slice())))
}

struct Runner<'a> {
    job: &'a Job<'a>,
    spool: FileSystem,
    state: State,
    clock: &'a dyn Fn() -> Timestamp,
    targets: Vec<TargetReport>,
}

impl Runner<'_> {
    fn ship(&mut self, name: &str, destination: &dyn Destination, observer: &mut dyn Observer) {
        let known = self.state.targets.get(name).map(super::state::Target::known).unwrap_or_default();
        let mut faults = Vec::new();
        let tidied = destination.tidy().map_err(|error| TargetError::from(ShipError::Put(error)));
        let result = tidied.and_then(|()| {
            let shipped = ship(&self.spool, destination, self.job.pinned, &known, self.job.compare, observer)?;
            faults = shipped.faults;
            let captured = shipped.captured.ok_or(TargetError::Empty)?;
            Ok(Success { time: (self.clock)(), captured, newest: shipped.newest, bytes: shipped.bytes })
        });
        self.remember(name, result, faults);
    }

    fn snapshot(&mut self, name: &str, repository: &Repository, observer: &mut dyn Observer) {
        let result = self.make_snapshot(repository, observer);
        self.remember(name, result, Vec::new());
    }

    fn make_snapshot(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<Success, TargetError> {
        let Job { pinned, spool, .. } = self.job;
        let surveyed = Sources::both(&self.spool).survey(pinned, observer)?;
        let (newest, note) = newest_of(&surveyed)?.ok_or(TargetError::Empty)?;
        // A snapshot of half a point would pass for a backup.
        surveyed.survey.point(Wanted::Newest, &surveyed.listing, &pinned.scope).map_err(TargetError::Point)?;
        let last = last_point(&self.spool, &surveyed.listing, newest.main.generation, pinned)?;
        let restic = Restic::find(self.job.restic)?;
        if self.job.init && !restic.is_there(repository, observer)? {
            restic.init(repository, observer)?;
        }
        let host = snapshot::host(&pinned.scope);
        let subject = Subject {
            root: spool,
            folder: Side::Main.folder(),
            host: &host,
            tag: snapshot::TAG,
            compression: Compression::Off,
        };
        let made = restic.backup(repository, &subject, observer)?;
        // What restic says it did is proven by asking for the manifest that everything hangs on.
        let Known { generation, number, .. } = newest.main;
        let name = ObjectName::Manifest { generation, side: Side::Main, number };
        let path = format!("/{}", name.path(&pinned.scope));
        if restic.dump(repository, &made.id, &path, observer)? != note {
            return Err(TargetError::Unproven { snapshot: made.id });
        }
        // Of several snapshots with the same base the one that went furthest is missed by its last segment.
        let segment = last.map(|(_, known)| known);
        let known = KnownPoint { main: Some(newest.main), keyring: None, segment };
        Ok(Success { time: (self.clock)(), captured: newest.captured, newest: known, bytes: made.added })
    }

    /// Remembers how a target went, before the next one begins.
    fn remember(&mut self, name: &str, result: Result<Success, TargetError>, faults: Vec<Fault>) {
        let time = (self.clock)();
        let note = result.as_ref().map(Success::clone);
        let note = note.map_err(|error| Failed { time, cause: error.to_string(), code: error.ending().code() });
        self.state.note(name, note);
        let result = match self.state.save(self.job.memory) {
            Ok(()) => result,
            Err(error) => result.and(Err(error.into())),
        };
        self.targets.push(TargetReport { name: name.to_owned(), result, faults });
    }
}
