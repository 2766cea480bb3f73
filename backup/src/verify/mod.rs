//! Verifies stored backups without keys: signatures by the pinned key, the chain of manifests, sizes
//! and hashes of every object. That pages decrypt and records make sense is the vault's to prove.

mod documents;
mod dropped;
mod restorable;
mod segments;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Fault, Known, NoPoint, Notice, ObjectName, Ordinal, Pinned, Side, Wanted};
use coffre_core::time::Timestamp;
use thiserror::Error;

use crate::content::{Expected, Meter};
use crate::destination::{Source, SourceError};
use crate::inventory;
use crate::object;
use crate::observer::{Cancelled, Observer, Progress, Stage};
use crate::ship::{KnownPoint, compare_with_known};
use crate::sources::{Sources, Surveyed};
use documents::Documents;
use dropped::without_dropped;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Manifests and inventories; everything else by name and size.
    Listed,
    /// Every byte.
    Whole,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The newest sound manifests.
    pub newest: KnownPoint,
    /// The newest point of which everything is listed: generation, number, time of capture.
    pub newest_point: Option<(GenerationId, Ordinal, Timestamp)>,
    /// The newest moment that everything needed for is here and sound; none if there is no such moment.
    pub restorable_to: Option<Timestamp>,
    /// Whether that takes a keyring from another place, because there is none in this kind of place.
    pub keyring_elsewhere: bool,
    /// How many manifests there are, each a point by itself.
    pub points: u64,
    /// How many segments there are.
    pub segments: u64,
    /// Objects looked at, manifests and documents included.
    pub objects: u64,
    /// Bytes read and hashed.
    pub bytes: u64,
    /// What cannot be restored or believed. Empty if all is well.
    pub faults: Vec<Fault>,
    /// What is worth knowing.
    pub notices: Vec<Notice>,
}

impl Verified {
    /// Whether everything that is here is what was signed, and fits together.
    pub fn is_consistent(&self) -> bool {
        self.faults.iter().all(Fault::is_absence)
    }

    /// Whether everything that should be here can be had: what manifests and segments name, and what was seen before.
    pub fn is_complete(&self) -> bool {
        !self.faults.iter().any(Fault::is_absence)
    }
}

/// A verification that could not be made. What it might have found is not known.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The place cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Verifies what is stored. `known` are the newest manifests seen there before, if any: without
/// them, the removal of the newest backups cannot be told from their never having been.
pub fn verify(
    sources: &Sources<'_>,
    pinned: &Pinned,
    known: &KnownPoint,
    depth: Depth,
    observer: &mut dyn Observer,
) -> Result<Verified, VerifyError> {
    observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
    let surveyed = sources.survey(pinned, observer)?;
    prepare(sources, &surveyed, pinned, depth, observer)?;
    let mut faults = surveyed.survey.faults.clone();
    let mut notices = surveyed.survey.notices.clone();
    for (side, known) in [(Side::Main, &known.main), (Side::Keyring, &known.keyring)] {
        if sources.sides().any(|looked_at| looked_at == side) {
            let fault = known.as_ref().and_then(|k| surveyed.survey.compare_with_known(side, k, &pinned.scope));
            faults.extend(fault);
        }
    }
    if let (Some(place), Some(known)) = (sources.main, &known.segment) {
        faults.extend(compare_with_known(place, &surveyed, known, pinned)?);
    }
    let newest_point = newest_point(sources, &surveyed, pinned, &mut faults);
    let mut documents = match sources.main {
        Some(place) => Documents::read(place, &surveyed, pinned, &mut faults)?,
        None => Documents::default(),
    };
    let mut verification = Verification {
        sources,
        pinned,
        meter: Meter::new(observer, Stage::Verifying, total(&surveyed, &documents, depth)),
        depth,
        objects: surveyed.manifests,
        bytes: surveyed.manifest_bytes,
        faults,
    };
    let segments = verification.segments(&surveyed)?;
    verification.named_by_points(&surveyed, &segments)?;
    // A snapshot is taken while segments appear: its last ones may be ahead of its documents.
    let retained = sources.keyring.is_some();
    documents.add(&segments.documents, retained, &mut verification.faults, pinned);
    verification.objects(&surveyed)?;
    if let Some(place) = sources.main {
        verification.documents(place, &mut documents, &mut notices)?;
    }
    let restorable_to = verification.restorable_to(&surveyed, &segments)?;
    let Verification { objects, bytes, faults, .. } = verification;
    let faults = without_dropped(faults, sources, &surveyed, pinned, observer)?;
    let points = surveyed.survey.main.generations().map(|(_, g)| g.manifests().count() as u64).sum();
    Ok(Verified {
        newest: newest(&surveyed),
        newest_point,
        restorable_to,
        keyring_elsewhere: sources.keyring.is_none(),
        points,
        segments: segments.count,
        objects,
        bytes,
        faults,
        notices,
    })
}

fn newest(surveyed: &Surveyed) -> KnownPoint {
    let survey = &surveyed.survey;
    let main = survey.main.current().ok().flatten().and_then(|id| survey.main.generation(id)?.newest());
    let keyring = survey.keyring.current().ok().flatten().and_then(|id| survey.keyring.generation(id)?.newest());
    KnownPoint { main: main.map(Known::of), keyring: keyring.map(Known::of), segment: None }
}

/// Where fetching one by one is slow, everything that will be read is fetched at once.
fn prepare(
    sources: &Sources<'_>,
    surveyed: &Surveyed,
    pinned: &Pinned,
    depth: Depth,
    observer: &mut dyn Observer,
) -> Result<(), SourceError> {
    for side in sources.sides() {
        let paths: Vec<String> = match depth {
            Depth::Whole => vec![side.vault_folder(&pinned.scope)],
            Depth::Listed => {
                let inventories = surveyed.survey.main.generations().flat_map(|(_, g)| g.manifests());
                let path = |m: &_| inventory::object_of(m).name.path(&pinned.scope);
                let inventories = inventories.map(|signed| path(&signed.manifest)).filter(|_| side == Side::Main);
                let is_segment = |name: &&ObjectName| matches!(name, ObjectName::Segment { .. }) && name.side() == side;
                let segments = surveyed.listing.keys().filter(is_segment).map(|name| name.path(&pinned.scope));
                inventories.chain(segments).collect()
            }
        };
        sources.of(side)?.prepare(&paths, observer)?;
    }
    Ok(())
}

/// The newest point that can be restored; what stands in its way is a fault.
fn newest_point(
    sources: &Sources<'_>,
    surveyed: &Surveyed,
    pinned: &Pinned,
    faults: &mut Vec<Fault>,
) -> Option<(GenerationId, Ordinal, Timestamp)> {
    if sources.sides().count() < 2 {
        return None;
    }
    match surveyed.survey.point(Wanted::Newest, &surveyed.listing, &pinned.scope) {
        Ok(point) => {
            let heading = &point.main.manifest.heading;
            Some((heading.generation, heading.number, heading.time))
        }
        Err(NoPoint::Faults { faults: found }) => {
            let new: Vec<Fault> = found.into_iter().filter(|fault| !faults.contains(fault)).collect();
            faults.extend(new);
            None
        }
        // An unsound manifest has its own fault; an empty place is for the caller to judge.
        Err(_) => None,
    }
}

fn total(surveyed: &Surveyed, documents: &Documents, depth: Depth) -> u64 {
    match depth {
        Depth::Listed => 0,
        Depth::Whole => {
            let objects: u64 = surveyed.survey.needed.values().map(|(needed, _)| needed.size).sum();
            let is_segment = |name: &ObjectName| matches!(name, ObjectName::Segment { .. });
            let segments = surveyed.listing.iter().filter(|(name, _)| is_segment(name)).map(|(_, size)| size);
            objects + documents.bytes() + segments.sum::<u64>()
        }
    }
}

struct Verification<'a, 'o> {
    sources: &'a Sources<'a>,
    pinned: &'a Pinned,
    meter: Meter<'o>,
    depth: Depth,
    objects: u64,
    bytes: u64,
    faults: Vec<Fault>,
}

impl Verification<'_, '_> {
    /// The objects that manifests name. Those missing or of another size have their faults already.
    fn objects(&mut self, surveyed: &Surveyed) -> Result<(), VerifyError> {
        for (needed, _) in surveyed.survey.needed.values() {
            self.objects += 1;
            // Inventories have been read to their ends, for what they list.
            let is_read = matches!(needed.name, ObjectName::Inventory(_));
            if self.depth == Depth::Whole && !is_read && surveyed.listing.get(&needed.name) == Some(&needed.size) {
                let place = self.sources.of(needed.name.side())?;
                let expected = Expected::from(needed);
                self.read(place, &needed.name.path(&self.pinned.scope), expected)?;
            }
        }
        Ok(())
    }

    fn documents(
        &mut self,
        place: &dyn Source,
        documents: &mut Documents,
        notices: &mut Vec<Notice>,
    ) -> Result<(), VerifyError> {
        self.objects += documents.count();
        let pinned = self.pinned;
        documents.compare(place, pinned, &mut self.faults, notices)?;
        if self.depth == Depth::Whole {
            for (path, expected) in documents.objects(&pinned.scope) {
                self.read(place, &path, expected)?;
            }
        }
        Ok(())
    }

    /// Reads an object to its end.
    fn read(&mut self, place: &dyn Source, path: &str, expected: Expected) -> Result<(), VerifyError> {
        match object::fault(place, path, expected, &mut self.meter)? {
            Some(fault) => self.faults.push(fault),
            None => self.bytes += expected.size,
        }
        Ok(())
    }
}
