//! Whether `index.db` can be asked, and making it anew.
//!
//! Nothing goes through the whole file at start: that grows with the vault. Every page has a MAC, so damage
//! is met as an error by the query or the commit that comes across it, never as a wrong answer. From then on
//! the index is not asked (searches say that it is being built anew) and not written; the writer replaces the file
//! and fills it in steps between its groups (`writer::healing`). A start fills a file that lacks little, and leaves one that
//! lacks much (it is new, of another version before) to the same steps. Nothing of this outlives the process: after a crash
//! half way the file goes on from where it is, and damage that nobody had met yet is met again.

use std::fs;
use std::io;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use coffre_core::keyset::Keyset;

use crate::connection::{self, Use};
use crate::error::Unavailable;
use crate::index_file;
use crate::layout::{Database, Layout};
use crate::open::{OpenError, create};
use crate::schema;
use crate::store::Store;
use crate::writer::{RecoverError, Shared};

/// Whoever waits for the index looks this often whether it is whole.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether the index can be asked.
#[derive(Debug, Default)]
pub(crate) struct IndexState {
    /// It is not to be asked, nor written but to build it.
    condemned: AtomicBool,
    /// While it is condemned: what is there is sound and gone on with.
    begun: AtomicBool,
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

    /// Whether what is there is gone on with. If not, it is replaced first.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Says that the index is damaged: the writer builds it anew.
    pub(crate) fn condemn(&self) {
        self.begun.store(false, Ordering::SeqCst);
        if !self.condemned.swap(true, Ordering::SeqCst) {
            tracing::warn!("index.db is damaged or was lost and is built anew; searches wait for it");
        }
    }

    /// Says that the index lacks much: the writer goes on with it.
    pub(crate) fn fill(&self) {
        self.begun.store(true, Ordering::SeqCst);
        if !self.condemned.swap(true, Ordering::SeqCst) {
            tracing::warn!("index.db lacks much and is filled between commits; searches wait for it");
        }
    }

    /// Says that everything is in it.
    pub(crate) fn healed(&self) {
        self.condemned.store(false, Ordering::SeqCst);
        tracing::info!("index.db is whole again");
    }

    /// Goes up when the file is made anew: connections to the former one are of no use.
    pub(crate) fn age(&self) -> u64 {
        self.age.load(Ordering::SeqCst)
    }
}

impl Store {
    /// Waits until what a start left to be filled of the index is in, unless it cannot be for now: for a command that has the
    /// vault to itself, and would search in vain.
    pub fn wait_for_index(&self) {
        let index = &self.shared().index;
        while index.is_condemned() && index.is_begun() && self.readiness().is_ok() {
            thread::sleep(PAUSE);
        }
    }
}

/// Makes `index.db` if it is missing, does not open, or is of another version: it is derived. One that cannot be looked at
/// for now is left as it is: to build it anew takes long. Says whether it is another one from now on, with nothing in it.
pub(crate) fn ensure(shared: &Shared) -> Result<bool, RecoverError> {
    if shared.layout.database(Database::Index).exists() {
        match version(&shared.layout, &shared.keys()) {
            Ok(schema::INDEX_VERSION) => return Ok(false),
            Err(error) if connection::is_of_the_moment(&error) => return Err(RecoverError::Index(error)),
            _ => tracing::warn!("index.db does not open, or is of another version, and is built anew"),
        }
    }
    renew(shared)?;
    Ok(true)
}

fn version(layout: &Layout, keys: &Keyset) -> rusqlite::Result<i32> {
    let connection = connection::open_own(layout, keys, Database::Index, Use::Write)?;
    index_file::progress(&connection)?;
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
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
