//! The documents that all retained points need together, held against the folders they lie in.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use coffre_core::crypto::Scope;
use coffre_core::spool::{
    ContentHash, DocumentName, Fault, Generation, InventoryEntry, MainManifest, Manifest as _, Notice, ObjectName,
    Pinned, Side, Signed,
};

use crate::content::Expected;
use crate::destination::{Allowance, Source, SourceError};
use crate::inventory::{self, InventoryFailure};
use crate::sources::Surveyed;

/// Every version of a document that a point needs. A hundred bytes each, so a million are no matter.
#[derive(Default)]
pub(super) struct Documents {
    needed: BTreeMap<DocumentName, Needs>,
}

struct Needs {
    expected: Expected,
    /// The manifest that needs it.
    by: ObjectName,
    /// Whether it must be there: points that are kept longer than promised may have lost theirs.
    retained: bool,
}

impl Documents {
    /// Reads the inventories of all points, each once.
    pub(super) fn read(
        place: &dyn Source,
        surveyed: &Surveyed,
        pinned: &Pinned,
        faults: &mut Vec<Fault>,
    ) -> Result<Self, SourceError> {
        let scope = &pinned.scope;
        let mut documents = Self::default();
        let mut seen: BTreeSet<ContentHash> = BTreeSet::new();
        for (generation, signed) in newest_first(surveyed) {
            let needed = inventory::object_of(&signed.manifest);
            let by = signed.manifest.name();
            let retained = signed.manifest.heading.number >= generation.retained_from();
            // One that is missing or cut short has its fault already.
            if surveyed.listing.get(&needed.name) != Some(&needed.size) || !seen.insert(needed.sha256) {
                continue;
            }
            let read = inventory::read::<Infallible>(place, &signed.manifest, scope, |entry| {
                let expected = Expected::from(&entry);
                let first = documents.needed.entry(entry.name).or_insert(Needs { expected, by, retained });
                if first.expected != expected {
                    let what = "two inventories give a document different bytes";
                    faults.push(Fault::Fork { object: needed.name.path(scope), what });
                }
                Ok(())
            });
            match read {
                Ok(()) => {}
                Err(InventoryFailure::Fault(fault)) => faults.push(fault),
                Err(InventoryFailure::Source(error)) => return Err(error),
                Err(InventoryFailure::Each(never)) => match never {},
            }
        }
        Ok(documents)
    }

    /// Adds those that segments brought. What was removed later stays in the places that keep history.
    pub(super) fn add(
        &mut self,
        brought: &[(InventoryEntry, ObjectName)],
        retained: bool,
        faults: &mut Vec<Fault>,
        pinned: &Pinned,
    ) {
        for (entry, by) in brought {
            let expected = Expected::from(entry);
            let first = self.needed.entry(entry.name).or_insert(Needs { expected, by: *by, retained });
            if first.expected != expected {
                let what = "an inventory gives a document different bytes";
                faults.push(Fault::Fork { object: by.path(&pinned.scope), what });
            }
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.needed.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.needed.values().map(|needs| needs.expected.size).sum()
    }

    /// Finds those missing or of another size, and files that no inventory lists; from here on the others are left.
    pub(super) fn compare(
        &mut self,
        place: &dyn Source,
        pinned: &Pinned,
        faults: &mut Vec<Fault>,
        notices: &mut Vec<Notice>,
    ) -> Result<(), SourceError> {
        let scope = &pinned.scope;
        let folder = format!("{}/documents", Side::Main.vault_folder(scope));
        let mut there: BTreeMap<DocumentName, u64> = BTreeMap::new();
        let (contents, mut allowance) = (place.list(&folder)?, Allowance::default());
        notices.extend(contents.objects.iter().map(|(name, _)| Notice::Unknown { path: format!("{folder}/{name}") }));
        for shard in contents.folders {
            for (name, size) in place.list(&format!("{folder}/{shard}"))?.objects {
                let path = format!("{folder}/{shard}/{name}");
                if !allowance.name(&name) {
                    return Err(SourceError::TooMany { place: place.label(), folder });
                }
                match ObjectName::parse(&path, scope) {
                    Ok(ObjectName::Document(name)) => drop(there.insert(name, size)),
                    _ => notices.push(Notice::Unknown { path }),
                }
            }
        }
        self.needed.retain(|name, Needs { expected, by, retained }| {
            let object = || ObjectName::Document(*name).path(scope);
            match there.remove(name) {
                Some(found) if found == expected.size => return true,
                Some(found) => {
                    faults.push(Fault::WrongSize { object: object(), expected: expected.size, found });
                }
                None if !*retained => {}
                None => faults.push(Fault::Missing { object: object(), needed_by: by.path(scope) }),
            }
            false
        });
        let unclaimed = |name: &DocumentName| Notice::Unclaimed { object: ObjectName::Document(*name).path(scope) };
        notices.extend(there.keys().map(unclaimed));
        Ok(())
    }

    /// The objects, and what they must hold.
    pub(super) fn objects(&self, scope: &Scope) -> impl Iterator<Item = (String, Expected)> {
        self.needed.iter().map(move |(name, needs)| (ObjectName::Document(*name).path(scope), needs.expected))
    }
}

/// All sound manifests; within a generation the newest first, so that what is retained comes first.
fn newest_first(surveyed: &Surveyed) -> impl Iterator<Item = (&Generation<MainManifest>, &Signed<MainManifest>)> {
    let generations = surveyed.survey.main.generations().map(|(_, generation)| generation);
    generations.flat_map(|generation| generation.manifests().rev().map(move |signed| (generation, signed)))
}
