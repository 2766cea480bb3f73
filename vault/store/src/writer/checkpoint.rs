//! Checkpoints, on the writer's thread: everything in the write-ahead logs comes into the database files.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, ffi};

use super::{Files, Shared, unsynced};
use crate::capture::forget_landmark;
use crate::layout::Database;
use crate::tile_file;

/// What a checkpoint leaves of a write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A file of no length.
    Nothing,
    /// Its space, which is written over: a sync need not record that the file grew, which takes most of a commit's time.
    Space,
}

/// Takes the whole write-ahead logs into the database files, with no reader open: a checkpoint with
/// a pinned reader would leave a file whose pages are sound and whose transactions are torn.
pub(crate) fn checkpoint_all(shared: &Shared, files: &Files, leave: Leave) -> rusqlite::Result<()> {
    if shared.taking_in.load(Ordering::SeqCst) {
        return Err(busy());
    }
    unsynced::make_good(shared)?;
    forget_landmark(&shared.layout).map_err(|error| disk(&error))?; // durable: nothing is claimed of the database files
    let frames = files.frames()?;
    let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
    announce(shared, frames)?; // durable: what the pages will be. Nobody reads them meanwhile.
    for (database, connection) in files.kept() {
        // An erased key must not stand in the log any more.
        let leave = if database == Database::Keyring { Leave::Nothing } else { leave };
        take_in(connection, leave)?;
        // Whatever becomes of the others.
        files.taken_in(database);
    }
    files.checkpointed();
    match if shared.index.is_condemned() { Ok(()) } else { take_in(&files.index, leave) } {
        Ok(()) => files.index_checkpointed(),
        // Derived: nothing rests on it.
        Err(error) => tracing::warn!(%error, "a checkpoint of index.db has to wait"),
    }
    shared.note_wal(files);
    tile_file::sync(&shared.layout);
    Ok(())
}

/// Takes the write-ahead log of `index.db` in, if it has so many pages. Nothing rests on that file: neither a backup under way nor what is
/// not captured yet minds.
pub(super) fn checkpoint_index(shared: &Shared, files: &Files, pages: u64) {
    if files.index_wal() < pages {
        return;
    }
    let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
    match take_in(&files.index, Leave::Space) {
        Ok(()) => files.index_checkpointed(),
        Err(error) => tracing::warn!(%error, "a checkpoint of index.db has to wait"),
    }
}

/// Says what the pages of the kept databases will be with so many frames of each log. Durable when it returns.
pub(super) fn announce(shared: &Shared, frames: [u64; 3]) -> rusqlite::Result<()> {
    let announced = shared.pages.announce(&shared.layout, &shared.keys(), &shared.scope, frames);
    announced.map_err(|error| disk(&std::io::Error::other(error)))
}

/// Takes all of a log in.
pub(super) fn take_in(connection: &Connection, leave: Leave) -> rusqlite::Result<()> {
    let pragma = match leave {
        Leave::Nothing => "PRAGMA wal_checkpoint(TRUNCATE)",
        Leave::Space => "PRAGMA wal_checkpoint(RESTART)",
    };
    let (busy_with, log, done) = connection
        .query_row(pragma, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    if busy_with == 0 && log == done { Ok(()) } else { Err(busy()) }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)
}

pub(super) fn disk(error: &std::io::Error) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(error.to_string()))
}
