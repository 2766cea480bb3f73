//! Reader connections: a fixed number, handed out and taken back. One that met a damaged page is never
//! handed out again; whoever next waits for a reader opens another in its place.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use coffre_core::keyset::Keyset;
use rusqlite::Connection;

use crate::connection::{self, Use};
use crate::layout::{Database, Layout};
use crate::memory;
use crate::writer::Shared;

/// What a reader may keep of `audit.db` and of `index.db` in memory, in KiB: no look at a record asks them.
const LITTLE: i64 = 2 * 1024;

/// One reader's connections.
pub(crate) struct Reader {
    pub(crate) vault: Connection,
    pub(crate) keyring: Connection,
    pub(crate) audit: Connection,
    pub(crate) index: Connection,
    /// Which `index.db` it has open: a number that goes up when the file is made anew.
    index_age: u64,
}

impl Reader {
    fn open(layout: &Layout, keys: &Keyset, index_age: u64, cache: i64) -> rusqlite::Result<Self> {
        let open = |database| connection::open_own(layout, keys, database, Use::Read);
        let (vault, keyring) = (open(Database::Vault)?, open(Database::Keyring)?);
        // A negative size is in KiB.
        vault.pragma_update(None, "cache_size", -cache)?;
        keyring.pragma_update(None, "cache_size", -(cache / 8))?;
        let (audit, index) = (open(Database::Audit)?, open(Database::Index)?);
        for little in [&audit, &index] {
            little.pragma_update(None, "cache_size", -LITTLE)?;
        }
        Ok(Self { vault, keyring, audit, index, index_age })
    }

    /// The database in which a damaged page was met, if one was: nothing it says can be believed from
    /// then on.
    pub(crate) fn damaged(&self) -> Option<Database> {
        let connections = [
            (Database::Vault, &self.vault),
            (Database::Keyring, &self.keyring),
            (Database::Audit, &self.audit),
            (Database::Index, &self.index),
        ];
        connections.into_iter().find(|(_, connection)| connection::met_damage(connection)).map(|(database, _)| database)
    }
}

/// The readers that nobody uses at the moment.
struct Idle {
    ready: Vec<Reader>,
    /// How many were given up and not opened again.
    missing: usize,
}

/// All readers of a vault.
pub(crate) struct Readers {
    idle: Mutex<Idle>,
    /// What each may keep of `vault.db` in memory, in KiB.
    cache: i64,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn open(shared: &Shared, count: usize) -> rusqlite::Result<Self> {
        let count = count.max(1);
        let cache = i64::try_from(memory::half() / 1024 / count).unwrap_or(i64::MAX);
        let open = |_| Reader::open(&shared.layout, &shared.keys(), shared.index.age(), cache);
        let ready = (0..count).map(open).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(Idle { ready, missing: 0 }), cache, returned: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a reader, or opens one that is missing. Where that fails it stays missing, and the next
    /// taker tries again.
    pub(crate) fn take(&self, shared: &Shared) -> rusqlite::Result<Reader> {
        let mut idle = self.lock();
        let found = loop {
            if let Some(reader) = idle.ready.pop() {
                break Some(reader);
            }
            if idle.missing > 0 {
                idle.missing -= 1;
                break None;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        };
        drop(idle);
        let age = shared.index.age();
        match found {
            Some(reader) if reader.index_age == age => Ok(reader),
            _ => Reader::open(&shared.layout, &shared.keys(), age, self.cache).inspect_err(|error| {
                tracing::error!(%error, "a reader could not be opened again");
                self.give_up();
            }),
        }
    }

    /// Counts one as missing: it was closed and another is to be opened in its place.
    pub(crate) fn give_up(&self) {
        self.lock().missing += 1;
        self.returned.notify_one();
    }

    pub(crate) fn give_back(&self, reader: Reader) {
        self.lock().ready.push(reader);
        self.returned.notify_one();
    }
}
