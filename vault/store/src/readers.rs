//! Reader connections: a fixed number, handed out and taken back.

use std::sync::{Condvar, Mutex, PoisonError};

use coffre_core::keyset::Keyset;
use rusqlite::Connection;

use crate::connection::{self, Use};
use crate::layout::{Database, Layout};
use crate::writer::Shared;

/// One reader's connections.
pub(crate) struct Reader {
    pub(crate) vault: Connection,
    pub(crate) keyring: Connection,
    pub(crate) audit: Connection,
    pub(crate) index: Connection,
}

impl Reader {
    fn open(layout: &Layout, keys: &Keyset) -> rusqlite::Result<Self> {
        let open = |database, key| connection::open(&layout.database(database), key, Use::Read);
        Ok(Self {
            vault: open(Database::Vault, &keys.databases.vault)?,
            keyring: open(Database::Keyring, &keys.databases.keyring)?,
            audit: open(Database::Audit, &keys.databases.audit)?,
            index: open(Database::Index, &keys.databases.index)?,
        })
    }
}

/// The readers that nobody uses at the moment.
pub(crate) struct Readers {
    idle: Mutex<Vec<Reader>>,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn open(layout: &Layout, keys: &Keyset, count: usize) -> rusqlite::Result<Self> {
        let idle = (0..count.max(1)).map(|_| Reader::open(layout, keys)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Waits for a reader.
    pub(crate) fn take(&self) -> Reader {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reader) = idle.pop() {
                return reader;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Opens a new reader in the place of one that cannot be used again.
    pub(crate) fn replace(&self, shared: &Shared) {
        match Reader::open(&shared.layout, &shared.keys) {
            Ok(reader) => self.give_back(reader),
            Err(error) => tracing::error!(%error, "a reader could not be opened again"),
        }
    }

    pub(crate) fn give_back(&self, reader: Reader) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        self.returned.notify_one();
    }
}
