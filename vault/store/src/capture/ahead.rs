//! Takes most of the write-ahead logs into the database files while commits go on, so that the checkpoint that stops them
//! for its time has little left to do. What it leaves is not consistent by itself: the logs stay, and nobody copies the
//! files before the checkpoint that follows.

use rusqlite::Connection;

use super::landmark;
use crate::connection::{self, Use};
use crate::layout::Database;
use crate::writer::Shared;

/// Connections of its own, opened when they are first of use.
#[derive(Default)]
pub(super) struct Ahead(Option<[Connection; 2]>);

impl Ahead {
    /// Takes in what no reader is in the way of. That it fails costs time only: the checkpoint does the whole work.
    pub(super) fn take_in(&mut self, shared: &Shared) {
        if let Err(error) = self.try_to_take_in(shared) {
            tracing::warn!(%error, "the logs could not be taken in ahead of a checkpoint");
            self.0 = None;
        }
    }

    fn try_to_take_in(&mut self, shared: &Shared) -> Result<(), Box<dyn std::error::Error>> {
        landmark::forget(&shared.layout)?; // durable: nothing is claimed of the database files
        let connections = match &self.0 {
            Some(connections) => connections,
            None => self.0.insert(open(shared)?),
        };
        for connection in connections {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    }
}

/// The keyring has few commits, and its log must be gone when its keys are.
fn open(shared: &Shared) -> rusqlite::Result<[Connection; 2]> {
    let open = |database, key| connection::open(&shared.layout.database(database), key, Use::Write);
    let keys = &shared.keys().databases;
    Ok([open(Database::Vault, &keys.vault)?, open(Database::Audit, &keys.audit)?])
}
