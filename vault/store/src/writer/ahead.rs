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

use coffre_core::keyset::Keyset;
use rusqlite::{Connection, Row};

use super::checkpoint::announce;
use super::{Files, KEPT, Shared, unsynced};
use crate::connection::{self, Use};
use crate::layout::Database;

/// What is to be taken in.
pub(crate) struct Ahead {
    logs: Vec<Log>,
    /// How many frames of each log.
    frames: [u64; 3],
    /// From its beginning on.
    checkpoints_wait: Option<CheckpointsWait>,
}

struct Log {
    database: Database,
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
            let open = |purpose| open(shared, &keys, database, purpose);
            Ok(Log { database, view: open(Use::Read)?, taker: open(Use::Write)? })
        });
        Ok(Self { logs: logs.collect::<rusqlite::Result<_>>()?, frames: [0; 3], checkpoints_wait: None })
    }

    /// Keeps the place where the logs end, on the writer's thread. Checkpoints wait from here on.
    pub(crate) fn begin(mut self, shared: &Arc<Shared>, files: &Files) -> rusqlite::Result<Self> {
        let frames = files.frames()?;
        self.checkpoints_wait = Some(CheckpointsWait::begin(shared));
        {
            let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
            for log in &self.logs {
                log.view.execute_batch("BEGIN")?;
                // A view begins with what is first read.
                log.view.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            }
        }
        for ((database, frames), taken) in KEPT.into_iter().zip(frames).zip(&mut self.frames) {
            if self.logs.iter().any(|log| log.database == database) {
                files.commit_once_more(database)?;
                *taken = frames;
            }
        }
        Ok(self)
    }

    /// Takes everything in up to the places. Gives the frames that the longest log got meanwhile.
    pub(crate) fn finish(self, shared: &Shared) -> rusqlite::Result<u64> {
        unsynced::make_good(shared)?;
        announce(shared, self.frames)?;
        let mut left = 0;
        for log in &self.logs {
            left = unsynced::synced(shared, log.database, self.frames, || take_in(&log.taker))?.max(left);
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
        open(shared, &shared.keys(), Database::Index, Use::Write)
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

fn open(shared: &Shared, keys: &Keyset, database: Database, purpose: Use) -> rusqlite::Result<Connection> {
    let key = match database {
        Database::Keyring => &keys.databases.keyring,
        Database::Vault => &keys.databases.vault,
        Database::Audit => &keys.databases.audit,
        Database::Index => &keys.databases.index,
    };
    connection::open(&shared.layout.database(database), key, purpose)
}

/// Takes in what no view needs to be left. Gives the frames that came meanwhile.
fn take_in(taker: &Connection) -> rusqlite::Result<u64> {
    taker.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    let frames = |row: &Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let (all, in_file) = taker.query_row("PRAGMA wal_checkpoint(NOOP)", [], frames)?;
    Ok(u64::try_from(all - in_file).unwrap_or(0))
}
