//! Copies a spool to a destination: documents, keyring, databases, and each manifest after all that
//! it names. Removes nothing and replaces nothing, anywhere.
//!
//! What is durable on the destination after each step: an object is whole once `put` returns; a
//! manifest is put last, so every manifest on the destination is a restore point. Wherever this
//! stops, the next run goes on: what is there is not copied again.

mod copy;
mod error;
mod reconcile;
mod segments;
mod stream;

use std::collections::BTreeSet;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Fault, History, Known, Manifest, Pinned, Signed};
use coffre_core::time::Timestamp;

pub use error::ShipError;
pub use reconcile::KnownPoint;
pub use segments::KnownSegment;
pub(crate) use segments::{compare_with_known, newest_point, of_spool, proven};
pub(crate) use stream::Stream;

use crate::destination::{Destination, Source};
use crate::observer::{Observer, Progress, Stage};
use crate::sources::{Sources, Surveyed};
use copy::Shipment;

/// How closely objects that are on the destination already are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// By size, and only those of points that the destination lacks.
    Sizes,
    /// By hash, all that the spool knows of. Missing ones are copied again.
    Hashes,
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
    observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
    let ours = Sources::both(spool).survey(pinned, observer).map_err(ShipError::Spool)?;
    if ours.survey.main.is_empty() {
        return Err(ShipError::Empty);
    }
    // A gap may be filled by what the destination has; an unsound manifest is never passed on.
    let unsound =
        |fault: &&Fault| matches!(fault, Fault::Manifest { .. } | Fault::Misplaced { .. } | Fault::Unreadable { .. });
    if let Some(fault) = ours.survey.faults.iter().find(unsound) {
        return Err(ShipError::SpoolFault { fault: fault.clone() });
    }
    let theirs = Sources::both(destination).survey(pinned, observer).map_err(ShipError::Destination)?;
    let refused = |fault| ShipError::Refused { destination: destination.label(), fault };
    let mut pending = reconcile::reconcile(&ours, &theirs, pinned, known).map_err(refused)?;
    let known = known.segment.as_ref();
    let changed = known.map(|known| compare_with_known(destination, &theirs.listing, known, pinned)).transpose();
    let changed = changed.map_err(ShipError::Destination)?.flatten();
    let divided =
        segments::same_chains(spool, destination, (&ours, &theirs), pinned).map_err(ShipError::Destination)?;
    if let Some(fault) = changed.or(divided) {
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
    let mut shipment = Shipment::new(spool, destination, pinned, compare, observer);
    shipment.run(&pending, &ours, &theirs)?;
    let (newest, reached) = newest_of(spool, &ours, pinned)?;
    let (captured, audit_head) = reached.unzip();
    let Shipment { objects, bytes, present, .. } = shipment;
    let generations = pending.both.main.generations().map(|(id, _)| id).collect();
    Ok(Shipped { objects, bytes, present, newest, captured, audit_head, generations, faults: pending.faults })
}

fn all_of<M: Manifest>(history: &History<M>) -> Vec<Signed<M>> {
    let outgrown = history.outgrown();
    let generations = history.generations().filter(|(id, _)| !outgrown.contains(id));
    let mut all: Vec<Signed<M>> = generations.flat_map(|(_, g)| g.retained()).cloned().collect();
    all.sort_by_key(|signed| signed.manifest.heading().time);
    all
}

/// The newest manifests and segment, and the moment that they reach with the head of the log then.
fn newest_of(
    spool: &dyn Source,
    ours: &Surveyed,
    pinned: &Pinned,
) -> Result<(KnownPoint, Option<(Timestamp, String)>), ShipError> {
    let main = ours.survey.main.current().ok().flatten().and_then(|id| ours.survey.main.generation(id)?.newest());
    let keyring =
        ours.survey.keyring.current().ok().flatten().and_then(|id| ours.survey.keyring.generation(id)?.newest());
    let generation = main.map(|main| main.manifest.heading.generation);
    let point = generation.map(|generation| newest_point(spool, &ours.listing, generation, pinned)).transpose();
    let point = point.map_err(ShipError::Spool)?.flatten();
    let segment = point.as_ref().map(|header| proven(spool, &header.name(), pinned)).transpose();
    let segment = segment.map_err(segments::of_spool)?.map(|seen| KnownSegment {
        generation: seen.header.generation,
        position: seen.link.position,
        sha256: seen.link.sha256,
    });
    let base = main.map(|main| (main.manifest.heading.time, main.manifest.audit_head.clone()));
    let after = point.and_then(|header| Some((header.time, header.point?.audit_head)));
    Ok((KnownPoint { main: main.map(Known::of), keyring: keyring.map(Known::of), segment }, base.max(after)))
}
