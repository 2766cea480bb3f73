//! Most of the write-ahead logs comes into the database files while groups are committed and views read, so that the checkpoint, for
//! which everybody waits, has little left to do.
//!
//! | step | where | what it is for |
//! |---|---|---|
//! | [`open`](Ahead::open) | any thread | |
//! | [`begin`](Ahead::begin) | the writer's thread, with no reader open | a view of each log keeps the place where it ends now: no more than that is taken in. A commit comes after the place: a log that is in the file as a whole is begun anew by the next commit, captured or not |
//! | [`finish`](Ahead::finish) | any thread | what the pages will be is announced, durably. Every view that was opened since knows no less of the log than the place, and reads from there whatever changed up to it. Then SQLite writes the pages, and from then on they are read from the file. They are [synced](super::unsynced), which SQLite leaves to the checkpoint that takes in the rest |
//!
//! A crash at any point leaves what one within a checkpoint does: all of it stands in the logs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use rusqlite::{Connection, Row};

use super::checkpoint::announce;
use super::{Files, KEPT, Shared, unsynced};
use crate::connection::{self, Use};
use crate::layout::Database;

/// What is to be taken in.
pub(crate) struct Ahead {
    logs: Vec<Log>,
    /// From [`begin`](Self::begin) on.
    checkpoints_wait: Option<CheckpointsWait>,
}

struct Log {
    database: Database,
    /// How many frames, from its beginning on.
    frames: u64,
    /// Keeps the place.
    view: Connection,
    /// Takes in what is before it.
    taker: Connection,
}

impl Ahead {
    /// For some of the logs.
    pub(crate) fn open(shared: &Shared, which: [bool; 3]) -> rusqlite::Result<Self> {
        let keys = shared.keys();
        // Opening reads a page.
        let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        let chosen = KEPT.into_iter().zip(which).filter(|(_, chosen)| *chosen);
        let logs = chosen.map(|(database, _)| {
            let open = |purpose| connection::open_own(&shared.layout, &keys, database, purpose);
            Ok(Log { database, frames: 0, view: open(Use::Read)?, taker: open(Use::Write)? })
        });
        Ok(Self { logs: logs.collect::<rusqlite::Result<_>>()?, checkpoints_wait: None })
    }

    /// Keeps the place where the logs end, on the writer's thread. Checkpoints wait from here on.
    pub(crate) fn begin(mut self, shared: &Arc<Shared>, files: &Files) -> rusqlite::Result<Self> {
        let frames = files.frames()?;
        self.checkpoints_wait = Some(CheckpointsWait::begin(shared));
        {
            let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
            for log in &self.logs {
                connection::begin_view(&log.view)?;
            }
        }
        for log in &mut self.logs {
            let of_log = KEPT.into_iter().zip(frames).find(|(database, _)| *database == log.database);
            log.frames = of_log.map_or(0, |(_, frames)| frames);
            files.commit_once_more(log.database)?;
        }
        Ok(self)
    }

    fn frames_of(&self, database: Database) -> u64 {
        self.logs.iter().find(|log| log.database == database).map_or(0, |log| log.frames)
    }

    /// Takes everything in up to the places. Gives the frames that the longest log got meanwhile.
    pub(crate) fn finish(self, shared: &Shared) -> rusqlite::Result<u64> {
        unsynced::make_good(shared)?;
        announce(shared, KEPT.map(|database| self.frames_of(database)))?;
        let mut left = 0;
        for log in &self.logs {
            left = unsynced::synced(shared, log.database, log.frames, || take_in(&log.taker))?.max(left);
        }
        drop(self);
        Ok(left.max(index(shared)))
    }
}

/// The same for `index.db`, which is derived: nothing rests on it.
fn index(shared: &Shared) -> u64 {
    let opened = {
        let _gate = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        if shared.index.is_condemned() {
            return 0;
        }
        connection::open_own(&shared.layout, &shared.keys(), Database::Index, Use::Write)
    };
    opened.and_then(|taker| take_in(&taker)).unwrap_or_else(|error| {
        if connection::is_damage(&error) {
            shared.index.condemn();
        }
        0
    })
}

/// Checkpoints wait while this lives: what they announce is later.
struct CheckpointsWait(Arc<Shared>);

impl CheckpointsWait {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.taking_in.store(true, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for CheckpointsWait {
    fn drop(&mut self) {
        self.0.taking_in.store(false, Ordering::SeqCst);
    }
}

/// Takes in what no view needs to be left. Gives the frames that came meanwhile.
fn take_in(taker: &Connection) -> rusqlite::Result<u64> {
    taker.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    let frames = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let (all, in_file) = taker.query_row("PRAGMA wal_checkpoint(NOOP)", [], frames)?;
    Ok(u64::try_from(all - in_file).unwrap_or(0))
}
