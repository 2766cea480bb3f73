//! Reading an inventory from a place, entry by entry, and holding it against its manifest.

use std::io::{self, BufRead as _, BufReader, Read};

use coffre_core::crypto::Scope;
use coffre_core::spool::{Fault, InventoryEntry, InventoryReader, MainManifest, Manifest as _, Needed, ObjectName};

use crate::content::{self, Checked, ContentError, Expected, Meter};
use crate::destination::{Source, SourceError};
use crate::observer::Stage;

/// An inventory that was not read to its end.
#[derive(Debug)]
pub(crate) enum InventoryFailure<E> {
    /// It is not what the manifest says, or cannot be read.
    Fault(Fault),
    /// The place cannot be read.
    Source(SourceError),
    /// Whoever took the entries stopped.
    Each(E),
}

/// The inventory of a manifest, as an object.
pub(crate) fn object_of(manifest: &MainManifest) -> Needed {
    let blob = manifest.documents.inventory;
    Needed { name: ObjectName::Inventory(blob.sha256), size: blob.size, sha256: blob.sha256 }
}

/// Reads the inventory of a manifest: once for its hash, so that no entry of another one is acted upon, and once for its
/// entries. These are hashed, too: a place may give other bytes the second time, and then this fails in the end.
pub(crate) fn read<E>(
    place: &dyn Source,
    manifest: &MainManifest,
    scope: &Scope,
    mut each: impl FnMut(InventoryEntry) -> Result<(), E>,
) -> Result<(), InventoryFailure<E>> {
    let needed = object_of(manifest);
    let object = needed.name.path(scope);
    let wrong = |cause: String| InventoryFailure::Fault(Fault::Inventory { object: object.clone(), cause });
    let unreadable = |error: io::Error| InventoryFailure::Fault(fault_of(&error, &object));
    let expected = Expected::from(&needed);
    let mut nobody = ();
    let mut uncounted = Meter::new(&mut nobody, Stage::Surveying, 0);
    content::check(open(place, &object, manifest, scope)?, expected, &mut uncounted).map_err(unreadable)?;

    let again = Checked::new(open(place, &object, manifest, scope)?, expected, &mut uncounted);
    let mut lines = BufReader::with_capacity(256 * 1024, again);
    let (mut reader, mut line) = (InventoryReader::default(), String::new());
    let (mut count, mut bytes) = (0_u64, 0_u64);
    while lines.read_line(&mut line).map_err(unreadable)? > 0 {
        let entry = reader.next_line(line.trim_end_matches('\n')).map_err(|error| wrong(error.to_string()))?;
        line.clear();
        if let Some(entry) = entry {
            count += 1;
            bytes = bytes.saturating_add(entry.size);
            each(entry).map_err(InventoryFailure::Each)?;
        }
    }
    reader.finish().map_err(|error| wrong(error.to_string()))?;
    let documents = manifest.documents;
    if (count, bytes) == (documents.count, documents.bytes) {
        return Ok(());
    }
    Err(wrong(format!(
        "it lists {count} documents of {bytes} bytes, the manifest says {} of {}: report this as a fault of Coffre",
        documents.count, documents.bytes
    )))
}

fn open<'a, E>(
    place: &'a dyn Source,
    object: &str,
    manifest: &MainManifest,
    scope: &Scope,
) -> Result<Box<dyn Read + 'a>, InventoryFailure<E>> {
    place.open(object, None).map_err(|error| match error {
        SourceError::NotFound { .. } => {
            let needed_by = manifest.name().path(scope);
            InventoryFailure::Fault(Fault::Missing { object: object.to_owned(), needed_by })
        }
        error => InventoryFailure::Source(error),
    })
}

/// What a failed read of an object means.
pub(crate) fn fault_of(error: &io::Error, object: &str) -> Fault {
    let object = object.to_owned();
    match ContentError::within(error) {
        Some(ContentError::Size { expected, found }) => Fault::WrongSize { object, expected, found },
        Some(ContentError::Hash { expected, found }) => Fault::WrongHash { object, expected, found },
        Some(ContentError::Cancelled(_)) | None => Fault::Unreadable { object, cause: error.to_string() },
    }
}
