//! Whether `index.db` can be asked, and making it anew.
//!
//! Nothing goes through the whole file at start: that grows with the vault. Every page has a MAC, so damage
//! is met as an error by the query or the commit that comes across it, never as a wrong answer. From then on
//! the index is not asked (searches say that it is being built anew) and not written; the writer replaces the file
//! and fills it in steps between its groups (`writer::healing`). Nothing of this outlives the process: after a crash half way
//! the new file goes on from where it is, and damage that nobody had met yet is met again.

use std::fs;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coffre_core::keyset::Keyset;

use crate::connection::{self, Use};
use crate::error::Unavailable;
use crate::index_file;
use crate::layout::{Database, Layout};
use crate::open::{OpenError, create};
use crate::schema;
use crate::writer::Shared;

/// Whether the index can be asked.
#[derive(Debug, Default)]
pub(crate) struct IndexState {
    condemned: AtomicBool,
    age: AtomicU64,
}

impl IndexState {
    /// Refuses while the index is not what it should be.
    pub(crate) fn check(&self) -> Result<(), Unavailable> {
        if self.is_condemned() { Err(Unavailable::Index) } else { Ok(()) }
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::SeqCst)
    }

    /// Says that the index is damaged: the writer builds it anew.
    pub(crate) fn condemn(&self) {
        if !self.condemned.swap(true, Ordering::SeqCst) {
            tracing::warn!("index.db is damaged and is built anew; searches wait for it");
        }
    }

    /// Says that everything is in it.
    pub(crate) fn healed(&self) {
        self.condemned.store(false, Ordering::SeqCst);
        tracing::info!("index.db is built anew");
    }

    /// Goes up when the file is made anew: connections to the former one are of no use.
    pub(crate) fn age(&self) -> u64 {
        self.age.load(Ordering::SeqCst)
    }
}

/// Makes `index.db` if it is missing, does not open, or is of another version: it is derived.
pub(crate) fn ensure(shared: &Shared) -> Result<(), OpenError> {
    if shared.layout.database(Database::Index).exists() {
        if opens(&shared.layout, &shared.keys()) {
            return Ok(());
        }
        tracing::warn!("index.db does not open, or is of another version, and is built anew");
    }
    renew(shared)
}

fn opens(layout: &Layout, keys: &Keyset) -> bool {
    let open = || {
        let connection = connection::open_own(layout, keys, Database::Index, Use::Write)?;
        index_file::progress(&connection)?;
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0))
    };
    open().is_ok_and(|version| version == schema::INDEX_VERSION)
}

/// Puts an empty `index.db` in the place of the one that is there, with no reader at work.
pub(crate) fn renew(shared: &Shared) -> Result<(), OpenError> {
    let _gate = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        match fs::remove_file(shared.layout.root().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    create(&shared.layout, Database::Index, &shared.keys()).map(drop)?;
    shared.index.age.fetch_add(1, Ordering::SeqCst);
    Ok(())
}
