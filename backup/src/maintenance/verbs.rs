//! The verbs. Each is planned, done, looked at, and remembered whichever way it went.

use coffre_core::time::Timestamp;

use super::state::{MaintenanceState, Work};
use super::{MaintenanceError, Rotation, Upkeep};
use crate::ending::Ends as _;
use crate::lock::Lock;
use crate::observer::Observer;
use crate::other_sources::SourcesState;
use crate::restic::{Forgotten, INIT_LOCK, LeftLock, Pruned, ReadData, Repository, Restic, Retention};
use crate::state::Failed;

/// Serialises this work, beside the runs: restic keeps those out where it must.
const LOCK: &str = "maintenance.lock";

/// Asked for the time when something is remembered.
type Clock<'a> = &'a dyn Fn() -> Timestamp;

/// Removes the snapshots that no rule keeps, but for what is remembered as the last good one of a source. A dry run only
/// says which.
pub fn forget(
    upkeep: &Upkeep<'_>,
    retention: &Retention,
    dry_run: bool,
    clock: Clock<'_>,
    observer: &mut dyn Observer,
) -> Result<Forgotten, MaintenanceError> {
    let work = |restic: &Restic, _: &mut MaintenanceState| {
        let mut planned = restic.plan_forget(upkeep.repository, upkeep.selection, retention, observer)?;
        // A later one of its day or month may hold half of the source, and would take its place.
        let sources = SourcesState::load(upkeep.memory)?;
        planned.keep(|snapshot| sources.good_snapshots().any(|good| snapshot.is_or_copies(good)));
        if !dry_run {
            restic.remove_left(upkeep.repository, clock(), observer)?;
            restic.forget(upkeep.repository, upkeep.selection, &planned, observer)?;
        }
        Ok(planned)
    };
    remembered(upkeep, (!dry_run).then_some(Work::Forget), clock, work)
}

/// Removes the data that no snapshot needs. A dry run only says how much.
pub fn prune(
    upkeep: &Upkeep<'_>,
    dry_run: bool,
    clock: Clock<'_>,
    observer: &mut dyn Observer,
) -> Result<Pruned, MaintenanceError> {
    let work = |restic: &Restic, _: &mut MaintenanceState| {
        if !dry_run {
            restic.remove_left(upkeep.repository, clock(), observer)?;
        }
        Ok(restic.prune(upkeep.repository, dry_run, observer)?)
    };
    remembered(upkeep, (!dry_run).then_some(Work::Prune), clock, work)
}

/// Copies what is new in another repository to this one, and says how many snapshots that were.
pub fn copy(
    upkeep: &Upkeep<'_>,
    from: &Repository,
    init: bool,
    clock: Clock<'_>,
    observer: &mut dyn Observer,
) -> Result<usize, MaintenanceError> {
    let work = |restic: &Restic, _: &mut MaintenanceState| {
        if init && !restic.is_there(upkeep.repository, observer)? {
            let lock = Lock::wait(&upkeep.memory.join(INIT_LOCK))?;
            restic.init_if_absent(upkeep.repository, Some(from), &lock, observer)?;
        }
        for locked in [from, upkeep.repository] {
            restic.remove_left(locked, clock(), observer)?;
        }
        Ok(restic.copy(from, upkeep.repository, upkeep.selection, observer)?)
    };
    remembered(upkeep, Some(Work::Copy), clock, work)
}

/// What a check read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The parts that were read; empty if only the structure was looked at, all if everything was read.
    pub parts: Vec<u8>,
    /// Since when all of it was read; none if some of it never was.
    pub whole_since: Option<Timestamp>,
    /// Parts that were not read within the period.
    pub overdue: usize,
}

/// Checks the repository and reads the next parts of it, or all of it. What was read before a part was found damaged stays read.
pub fn check(
    upkeep: &Upkeep<'_>,
    rotation: Rotation,
    everything: bool,
    clock: Clock<'_>,
    observer: &mut dyn Observer,
) -> Result<Checked, MaintenanceError> {
    let work = |restic: &Restic, state: &mut MaintenanceState| {
        let entry = state.repositories.entry(upkeep.name.to_owned()).or_default();
        entry.reading = std::mem::take(&mut entry.reading).for_rotation(rotation);
        restic.remove_left(upkeep.repository, clock(), observer)?;
        let parts = if everything { (1..=rotation.parts).collect() } else { entry.reading.next(rotation, clock()) };
        if everything {
            restic.check(upkeep.repository, ReadData::All, observer)?;
            entry.reading.read.extend(parts.iter().map(|part| (*part, clock())));
        } else {
            for part in &parts {
                let read = ReadData::Part { part: *part, of: rotation.parts };
                restic.check(upkeep.repository, read, observer)?;
                entry.reading.read.insert(*part, clock());
            }
        }
        let now = clock();
        let (whole_since, overdue) = (entry.reading.whole_since(rotation, now), entry.reading.overdue(rotation, now));
        Ok(Checked { parts, whole_since, overdue })
    };
    remembered(upkeep, Some(Work::Check), clock, work)
}

/// Removes the locks that are named, if they are left over.
pub fn unlock(
    upkeep: &Upkeep<'_>,
    named: &[String],
    clock: Clock<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<LeftLock>, MaintenanceError> {
    let work =
        |restic: &Restic, _: &mut MaintenanceState| Ok(restic.unlock(upkeep.repository, named, clock(), observer)?);
    remembered(upkeep, None, clock, work)
}

/// Does it under the lock, and remembers how it went.
fn remembered<T>(
    upkeep: &Upkeep<'_>,
    kind: Option<Work>,
    clock: Clock<'_>,
    work: impl FnOnce(&Restic, &mut MaintenanceState) -> Result<T, MaintenanceError>,
) -> Result<T, MaintenanceError> {
    let _lock = Lock::file(&upkeep.memory.join(LOCK))?;
    let mut state = MaintenanceState::load(upkeep.memory)?;
    let result = Restic::find(upkeep.restic).map_err(MaintenanceError::from).and_then(|r| work(&r, &mut state));
    let Some(kind) = kind else { return result };
    let time = clock();
    let failed =
        result.as_ref().err().map(|error| Failed { time, cause: error.to_string(), code: error.ending().code() });
    state.note(upkeep.name, kind, time, failed);
    match state.save(upkeep.memory) {
        Ok(()) => result,
        Err(error) => result.and(Err(error.into())),
    }
}
