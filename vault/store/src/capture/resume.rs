//! Going on with the chains after a start, or after the files were opened again. Each chain goes on
//! where its write-ahead log still holds the last frame captured, or begins a new log when the landmark
//! says that the database file holds exactly what the spool does. Anything else is lost track of,
//! and a base backup is taken: it is never guessed.

use std::collections::BTreeMap;

use coffre_core::spool::{DocumentName, InventoryEntry, Link};

use super::CaptureError;
use super::door::Door;
use super::ends::{Ends, Found, Lost, find};
use super::frames::Logs;
use super::landmark::Landmark;
use super::links::Links;
use super::spool::Spool;
use super::standing::inventory;
use super::watch::{Changes, Mark};
use crate::log_file::Tail;
use crate::writer::{Files, Shared};

/// Where the chains go on, and what was committed that is not in them yet.
pub(super) fn resume(door: &Door, spool: &Spool, links: &Links, logs: &mut Logs) -> Result<(Ends, Mark), Lost> {
    let Found { mut ends, documents, keys } = find(spool, links, door.generation)?;
    let landmark = Landmark::read(&door.shared.layout, door.generation).map_err(CaptureError::Read)?;
    let now = door.exclusively(stand).map_err(CaptureError::Unavailable)?;
    let (mut mark, listed) = now.map_err(Lost::Uncompared)?;
    if keys != door.shared.key_files().keys {
        return Err(Lost::OtherKeys);
    }
    let known: [Option<Link>; 3] = landmark.map_or([None; 3], |links| links.map(Some));
    for (which, ((chain, end), known)) in ends.all_mut().into_iter().zip(known).enumerate() {
        let followed = end.wal.filter(|place| logs.holds(which, place));
        if followed.is_none() && known != Some(end.last) {
            return Err(Lost::Gone { chain });
        }
        end.wal = followed;
    }
    mark.documents = changes(&documents, listed);
    Ok((ends, mark))
}

/// How things stand, on the writer's thread. A commit to each database makes the hooks report how
/// long the logs are.
fn stand(_shared: &Shared, files: &Files, tail: &Tail) -> rusqlite::Result<(Mark, Vec<InventoryEntry>)> {
    files.overwrite_failed()?;
    Ok((files.mark(tail, Changes::default()), inventory(&files.vault)?))
}

fn changes(known: &BTreeMap<DocumentName, InventoryEntry>, listed: Vec<InventoryEntry>) -> Changes {
    let mut changes = Changes::default();
    let listed: BTreeMap<DocumentName, InventoryEntry> = listed.into_iter().map(|entry| (entry.name, entry)).collect();
    for name in known.keys().filter(|name| !listed.contains_key(name)) {
        changes.remove(*name);
    }
    for entry in listed.into_values().filter(|entry| known.get(&entry.name) != Some(entry)) {
        changes.add(entry);
    }
    changes
}
