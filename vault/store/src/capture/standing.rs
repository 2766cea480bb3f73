//! How the database files come to stand still for a base backup, on the writer's thread and between two groups. The keyring
//! is rebuilt by `VACUUM` if a key was destroyed since it last was (no erased key survives that), the write-ahead logs are taken
//! into the database files with no reader open, the head is noted and a view of the documents begun, which are listed where nobody waits for it. From then on
//! checkpoints wait, so that the files stay as they are; commits go on into the write-ahead logs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coffre_core::ids::DocumentId;
use coffre_core::spool::{ContentHash, DocumentName, InventoryEntry};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, ffi};

use super::CaptureError;
use crate::connection::{self, Use};
use crate::layout::Database;
use crate::log_file::Tail;
use crate::writer::{Files, Leave, Shared, checkpoint_all};

/// Checkpoints wait while this lives, unless it is for a base backup that is [given up](super::patience).
pub(super) struct Hold(Arc<Shared>);

impl Hold {
    pub(super) fn take(shared: &Arc<Shared>) -> Result<Self, CaptureError> {
        let taken = shared.capturing.swap(true, Ordering::SeqCst);
        if taken { Err(CaptureError::Busy) } else { Ok(Self(Arc::clone(shared))) }
    }

    /// The same for a base backup, which is not taken between two root keys.
    pub(super) fn for_base(shared: &Arc<Shared>) -> Result<Self, CaptureError> {
        let hold = Self::take(shared)?;
        if shared.half_rotated.load(Ordering::SeqCst) {
            return Err(CaptureError::HalfRotated);
        }
        // Not when they are copied: the spool may hang before that.
        shared.watch.patience.begin();
        Ok(hold)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.watch.patience.end();
        self.0.capturing.store(false, Ordering::SeqCst);
    }
}

/// What stood still.
pub(super) struct Frozen {
    pub(super) time: Timestamp,
    /// When the keyring was rebuilt. A key that was erased since may still stand in its file.
    pub(super) rebuilt: Timestamp,
    pub(super) head: String,
    pub(super) entries: u64,
    pub(super) vault: Pages,
    pub(super) audit: Pages,
    pub(super) keyring: Pages,
}

impl Frozen {
    /// As things are, after a checkpoint, and a view of just that.
    pub(super) fn now(
        files: &Files,
        tail: &Tail,
        time: Timestamp,
        rebuilt: Timestamp,
        listing: Listing,
    ) -> rusqlite::Result<(Self, Listing)> {
        let frozen = Self {
            time,
            rebuilt,
            head: tail.head.note.clone(),
            entries: tail.head.size,
            vault: Pages::of(&files.vault)?,
            audit: Pages::of(&files.audit)?,
            keyring: Pages::of(&files.keyring)?,
        };
        Ok((frozen, listing.begin()?))
    }
}

/// A view of the documents: to list a million of them takes seconds. It ends before checkpoints go on.
pub(super) struct Listing(Connection);

impl Listing {
    /// Before the files stand still, and while checkpoints wait.
    pub(super) fn open(shared: &Shared) -> Result<Self, CaptureError> {
        let view = connection::open_own(&shared.layout, &shared.keys(), Database::Vault, Use::Read);
        view.map(Self).map_err(CaptureError::Database)
    }

    fn begin(self) -> rusqlite::Result<Self> {
        connection::begin_view(&self.0)?;
        Ok(self)
    }

    /// All of them, in the order of their names.
    pub(super) fn documents(self) -> Result<Vec<InventoryEntry>, CaptureError> {
        let listed = each_document(&self.0, |rows| rows.collect::<rusqlite::Result<Vec<InventoryEntry>>>());
        let listed = listed.and_then(|listed| listed).map_err(CaptureError::Database)?;
        if connection::met_damage(&self.0) {
            let damage = ffi::Error::new(ffi::SQLITE_CORRUPT);
            return Err(CaptureError::Database(rusqlite::Error::SqliteFailure(damage, None)));
        }
        Ok(listed)
    }
}

/// The measure of a database file.
#[derive(Clone, Copy)]
pub(super) struct Pages {
    pub(super) size: u32,
    pub(super) count: u64,
}

impl Pages {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        // SQLCipher answers for the page size itself, in text.
        let size: String = connection.query_row("PRAGMA cipher_page_size", [], |row| row.get(0))?;
        let count = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let size = size.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok(Self { size, count })
    }

    pub(super) fn bytes(self) -> u64 {
        u64::from(self.size) * self.count
    }
}

/// Rebuilds the keyring, unless it is as it was rebuilt; a moment up to which no destroyed key is left in it.
pub(super) fn rebuild_keyring(shared: &Shared, files: &Files, tail: &Tail) -> rusqlite::Result<Timestamp> {
    files.rebuild_keyring()?;
    Ok(shared.clock.now().max(tail.time))
}

/// Everything at once, for a base that stands in the chains: they begin anew with it.
pub(super) fn freeze(
    shared: &Arc<Shared>,
    files: &Files,
    tail: &Tail,
    listing: Listing,
) -> rusqlite::Result<(Frozen, Listing)> {
    let time = rebuild_keyring(shared, files, tail)?;
    checkpoint_all(shared, files, Leave::Nothing)?;
    shared.watch.begin_anew();
    Frozen::now(files, tail, time, time, listing)
}

/// Does something with the rows of all documents, in the order of their names.
pub(super) fn each_document<T>(
    vault: &Connection,
    act: impl FnOnce(&mut dyn Iterator<Item = rusqlite::Result<InventoryEntry>>) -> T,
) -> rusqlite::Result<T> {
    let mut statement = vault.prepare(
        "SELECT document, version, epoch, sealed_length, sealed_sha256 FROM documents ORDER BY document, version",
    )?;
    let mut rows = statement.query_map([], |row| {
        let name =
            DocumentName { document: DocumentId::from_bytes(row.get(0)?), version: row.get(1)?, epoch: row.get(2)? };
        Ok(InventoryEntry { name, size: row.get(3)?, sha256: ContentHash::from_bytes(row.get(4)?) })
    })?;
    Ok(act(&mut rows))
}
