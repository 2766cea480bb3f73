//! What a restore fetches, how much that is, and where each file goes. Fetches manifests and the
//! list of documents only, and writes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use coffre_core::crypto::Scope;
use coffre_core::spool::{
    DocumentName, Fault, Generation, InventoryEntry, MainManifest, Manifest as _, Needed, ObjectName, Pinned,
    RestorePoint, Side, Wanted,
};
use coffre_core::time::Timestamp;

use super::PlanError;
use super::moment::{Documents, Finder, Moment, Replay};
use crate::destination::{Source, SourceError};
use crate::inventory::{self, InventoryFailure};
use crate::observer::{Observer, Progress, Stage};
use crate::ship::newest_point;
use crate::sources::{Sources, Surveyed};

/// A restore that can be carried out: everything it needs is listed where it should be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The point, and the keyring that opens it.
    pub point: RestorePoint,
    /// The moment that is restored to.
    pub captured: Timestamp,
    /// The oldest and the newest moment that the place offers.
    pub window: (Timestamp, Timestamp),
    pub(super) pinned: Pinned,
    pub(super) files: Vec<PlannedFile>,
    pub(super) moment: Moment,
    /// Documents of the point, and their bytes.
    documents: (u64, u64),
}

/// An object, and the file that it becomes.
#[derive(Debug, Clone)]
pub(super) struct PlannedFile {
    pub(super) object: Needed,
    pub(super) target: PathBuf,
}

impl Plan {
    /// How many files are fetched.
    pub fn files(&self) -> u64 {
        let segments = self.moment.replays.iter().map(|replay| replay.segments.len() as u64);
        self.files.len() as u64 + self.documents.0 + segments.sum::<u64>()
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> u64 {
        let segments = self.moment.replays.iter().map(Replay::bytes);
        self.files.iter().map(|file| file.object.size).sum::<u64>() + self.documents.1 + segments.sum::<u64>()
    }

    pub(super) const fn scope(&self) -> &Scope {
        &self.pinned.scope
    }
}

/// Chooses the point and makes sure that everything it needs is there.
pub fn plan(
    sources: &Sources<'_>,
    pinned: &Pinned,
    wanted: Wanted,
    observer: &mut dyn Observer,
) -> Result<Plan, PlanError> {
    observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
    let surveyed = sources.survey(pinned, observer)?;
    let point = surveyed.survey.point(wanted, &surveyed.listing, &pinned.scope)?;
    let main = sources.of(Side::Main)?;
    let path = inventory::object_of(&point.main.manifest).name.path(&pinned.scope);
    main.prepare(&[path], observer)?;
    let finder = Finder { main, surveyed: &surveyed, pinned };
    let moment = finder.find(wanted, &point.main.manifest, &point.keyring.manifest)?;
    let window = window(main, &surveyed, &point, pinned)?;
    let mut documents = (0, 0);
    let faults = missing_documents(main, &point, &moment, &pinned.scope, &mut documents)?;
    if let Some(first) = faults.first() {
        return Err(PlanError::Documents { count: faults.len(), first: first.clone() });
    }
    let keyring = point.keyring.manifest.needed();
    let needed = point.main.manifest.needed().into_iter().chain(keyring);
    let files = needed.filter_map(|object| Some(PlannedFile { object, target: target_of(&object.name)? })).collect();
    let captured = moment.point.as_ref().map_or(point.main.manifest.heading.time, |(time, _)| *time);
    Ok(Plan { point, captured, window, pinned: pinned.clone(), files, moment, documents })
}

/// The file that an object becomes in a vault; none for those that are only read.
fn target_of(name: &ObjectName) -> Option<PathBuf> {
    match name {
        ObjectName::Base { chain, .. } => Some(chain.file().into()),
        ObjectName::Keys(_) => Some("keys.json".into()),
        ObjectName::Recovery(_) => Some("root.recovery.age".into()),
        ObjectName::Document(document) => Some(PathBuf::from("documents").join(document.path())),
        ObjectName::Segment { .. } | ObjectName::Manifest { .. } | ObjectName::Inventory(_) => None,
    }
}

/// The file of a document, below the vault's directory.
pub(super) fn planned_document(entry: &InventoryEntry) -> PlannedFile {
    PlannedFile {
        object: Needed { name: ObjectName::Document(entry.name), size: entry.size, sha256: entry.sha256 },
        target: PathBuf::from("documents").join(entry.name.path()),
    }
}

/// The oldest and newest moments of the generation that a point is of.
fn window(
    main: &dyn Source,
    surveyed: &Surveyed,
    point: &RestorePoint,
    pinned: &Pinned,
) -> Result<(Timestamp, Timestamp), SourceError> {
    let id = point.main.manifest.heading.generation;
    let times = surveyed.survey.main.generation(id).into_iter().flat_map(Generation::manifests);
    let times: Vec<Timestamp> = times.map(|signed| signed.manifest.heading.time).collect();
    let captured = point.main.manifest.heading.time;
    let (oldest, newest) = (times.first().copied().unwrap_or(captured), times.last().copied().unwrap_or(captured));
    let segments = newest_point(main, &surveyed.listing, id, pinned)?.map(|header| header.time);
    Ok((oldest, newest.max(segments.unwrap_or(newest))))
}

/// Each document of a moment: those of its base, but for what segments did to them.
pub(super) fn each_document<E>(
    main: &dyn Source,
    manifest: &MainManifest,
    moment: &Moment,
    scope: &Scope,
    mut each: impl FnMut(InventoryEntry) -> Result<(), E>,
) -> Result<(), InventoryFailure<E>> {
    let Documents { added, removed } = &moment.documents;
    inventory::read(main, manifest, scope, |entry| {
        let changed = removed.contains(&entry.name) || added.contains_key(&entry.name);
        if changed { Ok(()) } else { each(entry) }
    })?;
    added.values().try_for_each(|entry| each(*entry)).map_err(InventoryFailure::Each)
}

fn missing_documents(
    main: &dyn Source,
    point: &RestorePoint,
    moment: &Moment,
    scope: &Scope,
    (count, bytes): &mut (u64, u64),
) -> Result<Vec<Fault>, SourceError> {
    let needed_by = point.main.manifest.name().path(scope);
    let mut faults = Vec::new();
    let mut shard = (String::new(), BTreeMap::<DocumentName, u64>::new());
    let read = each_document(main, &point.main.manifest, moment, scope, |entry| {
        *count += 1;
        *bytes += entry.size;
        if shard.0 != entry.name.shard() {
            let folder = format!("{}/documents/{}", Side::Main.vault_folder(scope), entry.name.shard());
            let listed = main.list(&folder)?.objects.into_iter();
            shard = (entry.name.shard(), listed.filter_map(|(name, size)| Some((name.parse().ok()?, size))).collect());
        }
        let object = ObjectName::Document(entry.name).path(scope);
        match shard.1.get(&entry.name) {
            None => faults.push(Fault::Missing { object, needed_by: needed_by.clone() }),
            Some(found) if *found != entry.size => {
                faults.push(Fault::WrongSize { object, expected: entry.size, found: *found });
            }
            Some(_) => {}
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok(faults),
        Err(InventoryFailure::Fault(fault)) => Ok(vec![fault]),
        Err(InventoryFailure::Source(error) | InventoryFailure::Each(error)) => Err(error),
    }
}
