//! Copies a spool to a destination: segments that continue what is there, then documents, keyring, databases, and each
//! manifest after all that it names. Removes nothing and replaces nothing, anywhere.
//!
//! What is durable on the destination after each step: an object is whole once `put` returns; a
//! manifest is put last, so every manifest on the destination is a restore point. Wherever this
//! stops, the next run goes on: what is there is not copied again.

mod bases;
mod copy;
mod error;
mod last;
mod order;
mod outlived;
mod reconcile;
mod segments;
mod stream;

use std::collections::BTreeSet;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, Fault, Generation, Heading, History, Known, Link, Manifest, ObjectName, Pinned, Signed, Survey,
    segments_after,
};
use coffre_core::time::Timestamp;

pub(crate) use bases::send_bases;
pub use error::ShipError;
pub(crate) use last::newest_point_after;
pub(crate) use order::{Bases, Ends, Way, way};
pub use reconcile::KnownPoint;
pub use segments::KnownSegment;
use segments::ORDER;
pub(crate) use segments::{compare_with_known, last_point, newest_point, of_spool, proven};
pub(crate) use stream::Stream;

use crate::destination::{Destination, Source};
use crate::observer::{Observer, Progress, Stage};
use crate::sources::{Sources, Surveyed};
use copy::Shipment;
use outlived::outlived;

/// How closely objects that are on the destination already are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// By size, and only those of points that the destination lacks.
    Sizes,
    /// By hash, all that the spool knows of. Missing ones are copied again.
    Hashes,
}

/// When base backups go that segments need not wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BaseBackups {
    /// After those segments.
    Along,
    /// Another time.
    Later,
}

/// What a shipment did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Objects copied, manifests included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that were there already.
    pub present: u64,
    /// The newest points on the destination now.
    pub newest: KnownPoint,
    /// When the newest point was captured.
    pub captured: Option<Timestamp>,
    /// The signed tree head of the newest point.
    pub audit_head: Option<String>,
    /// The generations that are known on either side.
    pub generations: BTreeSet<GenerationId>,
    /// Older faults of the destination, which did not stand in the way. `verify` says more.
    pub faults: Vec<Fault>,
}

/// Copies what the destination lacks.
pub fn ship(
    spool: &dyn Source,
    destination: &dyn Destination,
    pinned: &Pinned,
    known: &KnownPoint,
    compare: Compare,
    observer: &mut dyn Observer,
) -> Result<Shipped, ShipError> {
    ship_with(spool, destination, pinned, known, (compare, BaseBackups::Along), observer).map(|(shipped, _)| shipped)
}

/// The same; base backups that its segments need not wait for are left for later. Also gives where the chains end there.
pub(crate) fn ship_first(
    spool: &dyn Source,
    destination: &dyn Destination,
    pinned: &Pinned,
    known: &KnownPoint,
    observer: &mut dyn Observer,
) -> Result<(Shipped, Option<Ends>), ShipError> {
    ship_with(spool, destination, pinned, known, (Compare::Sizes, BaseBackups::Later), observer)
}

fn ship_with(
    spool: &dyn Source,
    destination: &dyn Destination,
    pinned: &Pinned,
    known: &KnownPoint,
    (compare, when): (Compare, BaseBackups),
    observer: &mut dyn Observer,
) -> Result<(Shipped, Option<Ends>), ShipError> {
    observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
    let ours = Sources::both(spool).survey(pinned, observer).map_err(ShipError::Spool)?;
    if ours.survey.main.is_empty() {
        return Err(ShipError::Empty);
    }
    is_sound(&ours.survey)?;
    let theirs = Sources::both(destination).survey(pinned, observer).map_err(ShipError::Destination)?;
    let refused = |fault| ShipError::Refused { destination: destination.label(), fault };
    let mut pending = reconcile::reconcile(&ours, &theirs, pinned, known).map_err(refused)?;
    let known = known.segment.as_ref();
    let changed = known.map(|known| compare_with_known(destination, &theirs, known, pinned)).transpose();
    let changed = changed.map_err(ShipError::Destination)?.flatten();
    let divided =
        segments::same_chains(spool, destination, (&ours, &theirs), pinned).map_err(ShipError::Destination)?;
    let beside = outlived(destination, (&ours, &theirs), pinned).map_err(ShipError::Destination)?;
    if let Some(fault) = changed.or(divided).or(beside) {
        return Err(refused(fault));
    }
    // A point without a keyring that opens it is none.
    for signed in &pending.main {
        let keyring = pending.both.keyring_for(&signed.manifest, &pinned.scope);
        keyring.map_err(|error| ShipError::NoKeyring { source: error })?;
    }
    if compare == Compare::Hashes {
        pending.main = all_of(&ours.survey.main);
        pending.keyring = all_of(&ours.survey.keyring);
    }
    let left = when == BaseBackups::Later && pending.goes_on.is_some();
    if let Some(generation) = pending.goes_on.filter(|_| left) {
        let survey = &theirs.survey;
        let (main, keyring) = (survey.main.generation(generation), survey.keyring.generation(generation));
        let (main, keyring) = (main.map(Generation::newest_seen), keyring.map(Generation::newest_seen));
        let is_later = |heading: &Heading, newest| heading.generation == generation && Some(heading.number) > newest;
        pending.main.retain(|signed| !is_later(&signed.manifest.heading, main));
        pending.keyring.retain(|signed| !is_later(&signed.manifest.heading, keyring));
    }
    let mut shipment = Shipment::new(spool, destination, pinned, compare, observer);
    let shipped = shipment.run(&pending, &ours, &theirs);
    let Shipment { objects, bytes, present, .. } = shipment;
    shipped.map_err(|error| unless_dropped(error, spool, pinned))?;
    let (newest, reached) = newest_of(spool, &ours, if left { &theirs.survey } else { &ours.survey }, pinned)?;
    let (captured, audit_head) = reached.unzip();
    let generations = pending.both.main.generations().map(|(id, _)| id).collect();
    let ends = ends(spool, &ours, pinned)?;
    Ok((Shipped { objects, bytes, present, newest, captured, audit_head, generations, faults: pending.faults }, ends))
}

/// What is not in the spool any more, and nothing there needs, was not taken away by anybody else. Documents always stay.
fn unless_dropped(error: ShipError, spool: &dyn Source, pinned: &Pinned) -> ShipError {
    let object = match &error {
        ShipError::SpoolFault { fault: Fault::Missing { object, .. } } => object.clone(),
        _ => return error,
    };
    if matches!(ObjectName::parse(&object, &pinned.scope), Ok(ObjectName::Document(_))) {
        return error;
    }
    let is_missed = |fault: &Fault| fault.object() == Some(object.as_str()) || matches!(fault, Fault::ChainGap { .. });
    match Sources::both(spool).survey(pinned, &mut ()) {
        Ok(now) if !now.survey.faults.iter().any(is_missed) => ShipError::Dropped { object },
        _ => error,
    }
}

/// A gap may be filled by what the destination has; an unsound manifest is never passed on.
pub(crate) fn is_sound(ours: &Survey) -> Result<(), ShipError> {
    let unsound =
        |fault: &&Fault| matches!(fault, Fault::Manifest { .. } | Fault::Misplaced { .. } | Fault::Unreadable { .. });
    let fault = ours.faults.iter().find(unsound).cloned();
    fault.map_or(Ok(()), |fault| Err(ShipError::SpoolFault { fault }))
}

/// Where the chains of a spool end, and those of a destination that all its segments were shipped to.
fn ends(spool: &dyn Source, ours: &Surveyed, pinned: &Pinned) -> Result<Option<Ends>, ShipError> {
    let Some(generation) = ours.survey.main.current().ok().flatten() else { return Ok(None) };
    let mut ends = Vec::new();
    for chain in ORDER {
        let Some(base) = order::base_of(&ours.survey, generation, chain) else { return Ok(None) };
        let after = segments_after(&ours.listing, generation, chain, base.position);
        let last = after.last().map(|(position, _)| ObjectName::Segment { generation, chain, position });
        let end = last.map(|name| proven(spool, &name, pinned).map(|seen| seen.link)).transpose();
        ends.push((chain, end.map_err(of_spool)?.unwrap_or(base)));
    }
    Ok(<[(Chain, Link); 3]>::try_from(ends).ok())
}

fn all_of<M: Manifest>(history: &History<M>) -> Vec<Signed<M>> {
    let outgrown = history.outgrown();
    let generations = history.generations().filter(|(id, _)| !outgrown.contains(id));
    let mut all: Vec<Signed<M>> = generations.flat_map(|(_, g)| g.retained()).cloned().collect();
    all.sort_by_key(|signed| signed.manifest.heading().time);
    all
}

/// The newest manifests of a destination and the newest segment of a spool, and the moment that they reach with the head of
/// the log then.
fn newest_of(
    spool: &dyn Source,
    ours: &Surveyed,
    survey: &Survey,
    pinned: &Pinned,
) -> Result<(KnownPoint, Option<(Timestamp, String)>), ShipError> {
    let main = survey.main.current().ok().flatten().and_then(|id| survey.main.generation(id)?.newest());
    let keyring = survey.keyring.current().ok().flatten().and_then(|id| survey.keyring.generation(id)?.newest());
    let generation = main.map(|main| main.manifest.heading.generation);
    let last = generation.map(|generation| last_point(spool, &ours.listing, generation, pinned)).transpose()?.flatten();
    let (point, segment) = last.unzip();
    let base = main.map(|main| (main.manifest.heading.time, main.manifest.audit_head.clone()));
    let after = point.and_then(|header| Some((header.time, header.point?.audit_head)));
    Ok((KnownPoint { main: main.map(Known::of), keyring: keyring.map(Known::of), segment }, base.max(after)))
}
