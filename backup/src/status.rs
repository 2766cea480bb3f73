//! How old the last good backup is, target by target, held against the objective. Pure but for
//! [`examine`], which looks at what a destination really holds.

use coffre_core::spool::{Fault, Generation, ObjectName, Pinned, Side};
use coffre_core::time::Timestamp;

use crate::destination::{Source, SourceError};
use crate::ending::{Ending, Ends as _};
use crate::objective;
use crate::observer::Observer;
use crate::ship::{KnownPoint, compare_with_known, newest_point};
use crate::sources::{Sources, Surveyed};
use crate::state::{Failed, State};

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStatus {
    /// Its name in the configuration.
    pub name: String,
    /// When the newest point on it was captured.
    pub captured: Option<Timestamp>,
    /// Seconds since then; negative if that is in the future.
    pub age: Option<i64>,
    /// Whether that is within the objective.
    pub within: bool,
    /// The last failure, unless a success followed it.
    pub last_failure: Option<Failed>,
    /// What was found wrong on it when it was looked at.
    pub fault: Option<Fault>,
}

/// How all targets stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Each target of the configuration, in its order.
    pub targets: Vec<TargetStatus>,
    /// Whether every target is within the objective, and what the exit code is.
    pub ending: Ending,
}

/// What looking at a destination gave.
#[derive(Debug)]
pub enum Examined {
    /// When its newest point was captured; none if it holds none.
    Newest(Option<Timestamp>),
    /// What is wrong with it.
    Fault(Fault),
    /// Why it cannot be looked at. What is remembered of it counts.
    Unreachable(SourceError),
}

/// Reads the manifests of a destination: whether it still holds what was shipped to it.
pub fn examine(place: &dyn Source, pinned: &Pinned, known: &KnownPoint, observer: &mut dyn Observer) -> Examined {
    let surveyed = match Sources::both(place).survey(pinned, observer) {
        Ok(surveyed) => surveyed,
        Err(error) => return Examined::Unreachable(error),
    };
    let survey = &surveyed.survey;
    for (side, known) in [(Side::Main, &known.main), (Side::Keyring, &known.keyring)] {
        if let Some(fault) = known.as_ref().and_then(|k| survey.compare_with_known(side, k, &pinned.scope)) {
            return Examined::Fault(fault);
        }
    }
    let segment = known.segment.as_ref().map(|known| compare_with_known(place, &surveyed, known, pinned));
    match segment.transpose() {
        Ok(Some(Some(fault))) => return Examined::Fault(fault),
        Err(error) => return Examined::Unreachable(error),
        Ok(_) => {}
    }
    let current = match survey.main.current() {
        Ok(current) => current,
        Err(fault) => return Examined::Fault(fault),
    };
    let newest = current.and_then(|id| survey.main.generation(id)?.newest());
    let point = current.map(|id| newest_point(place, &surveyed.listing, id, pinned)).transpose();
    match point {
        Ok(point) => {
            let segments = point.flatten().map(|header| header.time);
            Examined::Newest(newest.map(|newest| newest.manifest.heading.time).max(segments))
        }
        Err(error) => Examined::Unreachable(error),
    }
}

/// How far a destination is behind the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Seconds between the newest moments of both.
    pub seconds: i64,
    /// Bytes that are not there yet, documents not counted.
    pub bytes: u64,
}

/// Compares a destination with the spool, by what is listed and the newest moment of each.
pub fn behind(
    spool: &dyn Source,
    destination: &dyn Source,
    pinned: &Pinned,
    observer: &mut dyn Observer,
) -> Result<Behind, SourceError> {
    let ours = Sources::both(spool).survey(pinned, observer)?;
    let theirs = Sources::both(destination).survey(pinned, observer)?;
    let lacks = |(name, _): &(&ObjectName, &u64)| !theirs.listing.contains_key(*name);
    let bytes = ours.listing.iter().filter(lacks).map(|(_, size)| size).sum();
    let newest = |place, surveyed: &Surveyed| -> Result<Option<Timestamp>, SourceError> {
        let main = &surveyed.survey.main;
        let Some(generation) = main.current().ok().flatten() else { return Ok(None) };
        let manifest = main.generation(generation).and_then(Generation::newest);
        let point = newest_point(place, &surveyed.listing, generation, pinned)?;
        Ok(manifest.map(|newest| newest.manifest.heading.time).max(point.map(|header| header.time)))
    };
    let seconds = match (newest(spool, &ours)?, newest(destination, &theirs)?) {
        (Some(here), Some(there)) => (here.as_micros() - there.as_micros()).max(0) / 1_000_000,
        _ => 0,
    };
    Ok(Behind { seconds, bytes })
}

/// How the targets of a configuration stand. A destination that was examined counts as it was found;
/// the others as they are remembered. No targets at all is no backup.
pub fn status<'a>(
    state: &State,
    targets: impl IntoIterator<Item = (&'a str, Option<&'a Examined>)>,
    objective_seconds: i64,
    now: Timestamp,
) -> Status {
    let stands = |(name, examined): (&str, Option<&Examined>)| {
        let remembered = state.targets.get(name).cloned().unwrap_or_default();
        let (captured, fault) = match examined {
            Some(Examined::Newest(newest)) => (*newest, None),
            Some(Examined::Fault(fault)) => (None, Some(fault.clone())),
            Some(Examined::Unreachable(_)) | None => (remembered.last_success.map(|s| s.captured), None),
        };
        let age = captured.map(|captured| objective::age(captured, now));
        TargetStatus {
            name: name.to_owned(),
            captured,
            age,
            within: fault.is_none() && age.is_some_and(|age| objective::is_within(age, objective_seconds)),
            last_failure: remembered.last_failure,
            fault,
        }
    };
    let targets: Vec<TargetStatus> = targets.into_iter().map(stands).collect();
    let late = targets.is_empty() || targets.iter().any(|target| !target.within);
    let faults = targets.iter().filter_map(|target| Some(target.fault.as_ref()?.ending()));
    let ending = if late { Ending::ObjectiveMissed } else { Ending::Success };
    let ending = faults.fold(ending, Ending::max);
    Status { targets, ending }
}
