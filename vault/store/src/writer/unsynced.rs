//! What was taken into database files ahead of a checkpoint and is not known to be on the disk. SQLite counts it as taken in and does not write it
//! again; a sync that failed once says nothing of it the next time. So it is written again from the log, which stays until then: no checkpoint
//! begins it anew.

use std::sync::PoisonError;

use super::checkpoint::disk;
use super::{KEPT, Shared};
use crate::kept_pages;
use crate::layout::Database;

/// Takes frames of a log in and syncs the file. If either fails they are unsynced.
pub(super) fn synced<T>(
    shared: &Shared,
    database: Database,
    frames: u64,
    take_in: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // What failed before this tells it now, and is not taken for a failure of this.
    sync(shared, database)?;
    note(shared, database, frames);
    let taken = take_in()?;
    sync(shared, database)?;
    note(shared, database, 0);
    Ok(taken)
}

/// Writes again whatever is unsynced.
pub(super) fn make_good(shared: &Shared) -> rusqlite::Result<()> {
    let unsynced = *shared.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
    for (database, frames) in KEPT.into_iter().zip(unsynced).filter(|(_, frames)| *frames > 0) {
        if let Some(file) = shared.descriptors.of(database) {
            let written = kept_pages::write_again(&shared.layout, database, frames, file);
            written.map_err(|error| disk(&std::io::Error::other(error)))?;
        }
        sync(shared, database)?;
        note(shared, database, 0);
    }
    Ok(())
}

fn note(shared: &Shared, database: Database, frames: u64) {
    let mut unsynced = shared.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
    for (kept, unsynced) in KEPT.into_iter().zip(&mut *unsynced) {
        if kept == database {
            *unsynced = frames;
        }
    }
}

fn sync(shared: &Shared, database: Database) -> rusqlite::Result<()> {
    shared.descriptors.of(database).map_or(Ok(()), |file| file.sync_data().map_err(|error| disk(&error)))
}
