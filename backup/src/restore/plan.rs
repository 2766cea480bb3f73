//! What a restore fetches, how much that is, and where each file goes. Fetches manifests and the
//! list of documents only, and writes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use coffre_core::crypto::Scope;
use coffre_core::spool::{
    DocumentName, Fault, InventoryEntry, Manifest as _, Needed, ObjectName, Pinned, RestorePoint, Side, Wanted,
};

use super::PlanError;
use crate::destination::{Source, SourceError};
use crate::inventory::{self, InventoryFailure};
use crate::observer::{Observer, Progress, Stage};
use crate::sources::Sources;

/// A restore that can be carried out: everything it needs is listed where it should be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The point, and the keyring that opens it.
    pub point: RestorePoint,
    pub(super) scope: Scope,
    pub(super) files: Vec<PlannedFile>,
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
        self.files.len() as u64 + self.point.main.manifest.documents.count
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.object.size).sum::<u64>() + self.point.main.manifest.documents.bytes
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
    let faults = missing_documents(main, &point, &pinned.scope)?;
    if let Some(first) = faults.first() {
        return Err(PlanError::Documents { count: faults.len(), first: first.clone() });
    }
    let keyring = point.keyring.manifest.needed();
    let needed = point.main.manifest.needed().into_iter().chain(keyring);
    let files = needed.filter_map(|object| Some(PlannedFile { object, target: target_of(&object.name)? })).collect();
    Ok(Plan { point, scope: pinned.scope.clone(), files })
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

fn missing_documents(main: &dyn Source, point: &RestorePoint, scope: &Scope) -> Result<Vec<Fault>, SourceError> {
    let needed_by = point.main.manifest.name().path(scope);
    let mut faults = Vec::new();
    let mut shard = (String::new(), BTreeMap::<DocumentName, u64>::new());
    let read = inventory::read(main, &point.main.manifest, scope, |entry| {
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
