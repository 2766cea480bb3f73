//! The points that a place holds, for people to choose from. Reads manifests only.

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Fault, Manifest as _, Needed, Ordinal, Pinned};
use coffre_core::time::Timestamp;

use crate::destination::{Source, SourceError};
use crate::observer::Observer;
use crate::ship::newest_point_after;
use crate::sources::{Sources, ends_of_history, parent_by_keyring};

/// A point that a signed manifest describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its generation.
    pub generation: GenerationId,
    /// Its number in the generation.
    pub number: Ordinal,
    /// When it was captured.
    pub time: Timestamp,
    /// The generation and number it was restored from, if its generation was.
    pub parent: Option<(GenerationId, Ordinal)>,
    /// Bytes of its databases, keys and lists. Points have most of the log in common.
    pub bytes: u64,
    /// How many versions of documents it has.
    pub documents: u64,
    /// Their bytes.
    pub document_bytes: u64,
    /// Whether its databases, keys and lists are there by name and size; documents are not looked at.
    pub complete: bool,
    /// Whether this is the one that a restore would take.
    pub newest: bool,
}

/// What a place holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its points, oldest first.
    pub points: Vec<Point>,
    /// What is wrong with its manifests and the objects they name.
    pub faults: Vec<Fault>,
}

/// Lists the points of a place.
pub fn list(sources: &Sources<'_>, pinned: &Pinned, observer: &mut dyn Observer) -> Result<Listed, SourceError> {
    let surveyed = sources.survey(pinned, observer)?;
    let survey = &surveyed.survey;
    let newest = survey.main.current().ok().flatten().and_then(|id| survey.main.generation(id)?.newest_of_all());
    let mut points = Vec::new();
    for signed in survey.main.generations().flat_map(|(_, generation)| generation.manifests()) {
        let manifest = &signed.manifest;
        let heading = &manifest.heading;
        let needed = manifest.needed();
        let is_there = |needed: &Needed| surveyed.listing.get(&needed.name) == Some(&needed.size);
        points.push(Point {
            generation: heading.generation,
            number: heading.number,
            time: heading.time,
            parent: heading.parent.as_ref().map(|parent| (parent.generation, parent.number)),
            bytes: needed.iter().map(|needed| needed.size).sum(),
            documents: manifest.documents.count,
            document_bytes: manifest.documents.bytes,
            complete: needed.iter().all(is_there),
            newest: newest.is_some_and(|newest| newest.sha256 == signed.sha256),
        });
    }
    points.sort_by_key(|point| point.time);
    Ok(Listed { points, faults: surveyed.survey.faults })
}

/// The newest that a place knows of a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestHead {
    /// The signed tree head of the audit log, as a note.
    pub note: String,
    /// When it was captured.
    pub time: Timestamp,
    /// The generation that it is of.
    pub generation: GenerationId,
    /// The generations that this one came from, the nearest first.
    pub ancestors: Vec<GenerationId>,
}

/// The audit tree head of the newest sound point of a place. A vault whose log does not extend it was set back, and one
/// whose generation another went on from was outgrown: neither must be served. A start waits for this, so little
/// is read, however long backups have been made.
pub fn newest_head(
    place: &dyn Source,
    pinned: &Pinned,
    observer: &mut dyn Observer,
) -> Result<Option<NewestHead>, SourceError> {
    let history = ends_of_history(place, pinned, observer)?;
    // The one that goes on: a clock that was behind must not make it look older than those that it came from.
    let current = history.current().ok().flatten().and_then(|id| history.generation(id)?.newest());
    let all = history.generations().flat_map(|(_, generation)| generation.manifests());
    let newest = current.or_else(|| all.max_by_key(|signed| signed.manifest.heading.time));
    let Some(newest) = newest else { return Ok(None) };
    let heading = &newest.manifest.heading;
    // Segments go on from the base that the manifest names.
    let base = newest.manifest.chains.audit.last.position;
    let segment = newest_point_after(place, heading.generation, base, pinned)?;
    let later = segment.filter(|segment| segment.time > heading.time);
    let time = later.as_ref().map_or(heading.time, |segment| segment.time);
    let point = later.and_then(|segment| segment.point);
    let note = point.map_or_else(|| newest.manifest.audit_head.clone(), |point| point.audit_head);
    let (generation, mut ancestors) = (heading.generation, Vec::new());
    let mut parent = heading.parent.as_ref().map(|parent| parent.generation);
    while let Some(id) = parent.filter(|id| !ancestors.contains(id)) {
        ancestors.push(id);
        parent = match history.generation(id) {
            Some(generation) => generation.parent().map(|parent| parent.generation),
            None => parent_by_keyring(place, id, pinned)?,
        };
    }
    Ok(Some(NewestHead { note, time, generation, ancestors }))
}
