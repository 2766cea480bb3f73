//! Taking a base backup into the spool: blind copies of the sealed databases and documents, and the
//! signed manifests that say what they are.
//!
//! On the writer's thread, between two groups: the write-ahead logs are taken into the database
//! files with no reader open, the keyring is copied by `VACUUM INTO` (no erased key survives that),
//! and the head and the list of documents are noted. From then on checkpoints wait, so that the
//! database files stay as they are; commits go on into the write-ahead logs. Then, on the caller's
//! thread, everything is copied. Order, each durable before the next: keyring, its manifest,
//! documents, keys, vault and audit, inventory, the main manifest.
//!
//! A manifest is what makes a backup: objects that a crash leaves without one are overwritten by the
//! next capture.

mod copy;
mod links;
mod retention;
mod spool;

use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering;

use coffre_core::ids::DocumentId;
use coffre_core::spool::{
    Base, Blob, Chain, ContentHash, DocumentName, Documents, Heading, InventoryEntry, KeyringChains, KeyringManifest,
    Link, MainChains, MainManifest, Manifest, ManifestError, ObjectName, Place, Reach, Signed, write_inventory,
};
use coffre_core::time::Timestamp;
use rusqlite::Connection;
use thiserror::Error;

use crate::error::{Unavailable, disk_is_full};
use crate::key_files::{KeyFileFault, RightKeyFiles};
use crate::layout::Database;
use crate::store::Store;
use crate::writer::{Files, Shared, checkpoint_all};
use links::Links;
pub(crate) use links::{Descriptors, remember_parent};
use spool::Spool;

/// A base backup that was taken.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The manifest's number in its generation.
    pub number: u64,
    /// When it was taken.
    pub time: Timestamp,
    /// Bytes of the databases.
    pub database_bytes: u64,
    /// Documents that were not in the spool before, and their bytes.
    pub new_documents: u64,
    /// Bytes of those.
    pub new_document_bytes: u64,
    /// Entries of the log that it holds.
    pub entries: u64,
}

/// A base backup that was not taken. The spool is as good as before.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The vault cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Another capture is under way.
    #[error("another base backup is being taken: wait for it")]
    Busy,
    /// A database could not be brought into order.
    #[error("a database could not be prepared for the copy: try again")]
    Database(#[source] rusqlite::Error),
    /// A file of the vault could not be read.
    #[error("a file of the vault could not be read: run `coffre doctor`")]
    Read(#[source] io::Error),
    /// A key file is not what it was: with it, the backup would open for nobody.
    #[error(transparent)]
    KeyFile(#[from] KeyFileFault),
    /// A document is not what was stored.
    #[error("document {document} is damaged: restore it from an earlier backup, then take this one again")]
    Document {
        /// The document.
        document: DocumentId,
    },
    /// The spool has no space left.
    #[error("the disk that holds the spool is full: free space, then take the backup again")]
    SpoolFull,
    /// The spool could not be written.
    #[error("the spool could not be written ({0}): check the folder and its permissions")]
    Spool(#[source] io::Error),
    /// The chain cannot be continued.
    #[error("the chain of backups cannot be continued")]
    Manifest(#[from] ManifestError),
}

impl CaptureError {
    /// A full disk by its name: the spool's, or the vault's own.
    fn naming_a_full_disk(self) -> Self {
        match self {
            Self::Spool(_) if disk_is_full(&self) => Self::SpoolFull,
            Self::Database(_) | Self::Read(_) if disk_is_full(&self) => Self::Unavailable(Unavailable::DiskFull),
            other => other,
        }
    }

    /// `VACUUM INTO` reads the vault and writes into the spool.
    fn of_keyring_copy(error: rusqlite::Error) -> Self {
        if disk_is_full(&error) { Self::SpoolFull } else { Self::Database(error) }
    }
}

/// Checkpoints wait while this lives.
struct Hold<'s>(&'s Shared);

impl<'s> Hold<'s> {
    fn take(shared: &'s Shared) -> Result<Self, CaptureError> {
        if shared.capturing.swap(true, Ordering::SeqCst) { Err(CaptureError::Busy) } else { Ok(Self(shared)) }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.capturing.store(false, Ordering::SeqCst);
    }
}

/// What stood still on the writer's thread.
struct Frozen {
    time: Timestamp,
    head: String,
    entries: u64,
    vault: Pages,
    audit: Pages,
    keyring: Pages,
    inventory: Vec<InventoryEntry>,
}

/// The measure of a database file.
#[derive(Clone, Copy)]
struct Pages {
    size: u32,
    count: u64,
}

impl Pages {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        // SQLCipher answers for the page size itself, in text.
        let size: String = connection.query_row("PRAGMA cipher_page_size", [], |row| row.get(0))?;
        let count = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let size = size.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok(Self { size, count })
    }

    fn bytes(self) -> u64 {
        u64::from(self.size) * self.count
    }
}

impl Store {
    /// Takes a base backup into a spool, and drops those before the newest `keep`. Reads and writes
    /// go on meanwhile.
    pub fn capture(&self, spool: &Path, keep: NonZeroU64, software: &str) -> Result<Captured, CaptureError> {
        self.try_capture(spool, keep, software).map_err(CaptureError::naming_a_full_disk)
    }

    fn try_capture(&self, spool: &Path, keep: NonZeroU64, software: &str) -> Result<Captured, CaptureError> {
        let shared = self.shared();
        let hold = Hold::take(shared)?;
        let key_files = shared.right_key_files()?;
        let spool = Spool::open(spool, &shared.scope).map_err(CaptureError::Spool)?;
        let keyring_copy = spool.temporary_database().map_err(CaptureError::Spool)?;
        let target = keyring_copy.path().to_owned();
        let frozen = self.exclusively(move |shared, files, tail| freeze(shared, files, tail, &target))??;
        let links = Links::open(shared);
        let (key_files, spool) = (&key_files, &spool);
        let making = Making { store: self, spool, links: &links, frozen: &frozen, key_files, keep, software };
        let keyring = making.keyring(&keyring_copy)?;
        let captured = making.main(keyring)?;
        drop(hold);
        Ok(captured)
    }
}

fn freeze(
    shared: &Shared,
    files: &Files,
    tail: &crate::log_file::Tail,
    keyring_copy: &Path,
) -> Result<Frozen, CaptureError> {
    checkpoint_all(shared, files).map_err(CaptureError::Database)?;
    let target = keyring_copy.to_string_lossy();
    files.keyring.execute("VACUUM INTO ?1", [target.as_ref()]).map_err(CaptureError::of_keyring_copy)?;
    let pages = |connection| Pages::of(connection).map_err(CaptureError::Database);
    Ok(Frozen {
        time: shared.clock.now().max(tail.time),
        head: tail.head.note.clone(),
        entries: tail.head.size,
        vault: pages(&files.vault)?,
        audit: pages(&files.audit)?,
        keyring: pages(&files.keyring)?,
        inventory: inventory(&files.vault).map_err(CaptureError::Database)?,
    })
}

fn inventory(vault: &Connection) -> rusqlite::Result<Vec<InventoryEntry>> {
    let mut statement = vault
        .prepare("SELECT document, version, sealed_length, sealed_sha256 FROM documents ORDER BY document, version")?;
    let rows = statement.query_map([], |row| {
        let name = DocumentName { document: DocumentId::from_bytes(row.get(0)?), version: row.get(1)? };
        Ok(InventoryEntry { name, size: row.get(2)?, sha256: ContentHash::from_bytes(row.get(3)?) })
    })?;
    rows.collect()
}

/// A capture being made.
struct Making<'c> {
    store: &'c Store,
    spool: &'c Spool,
    links: &'c Links,
    frozen: &'c Frozen,
    key_files: &'c RightKeyFiles,
    keep: NonZeroU64,
    software: &'c str,
}

impl Making<'_> {
    /// The heading of the manifest after the last one, or of a generation's first.
    fn heading<M: Manifest>(&self, last: Option<&Signed<M>>) -> Result<Heading, CaptureError> {
        let (now, software) = (self.frozen.time, self.software);
        let mut heading = if let Some(last) = last {
            Heading::after(last, now, software)
        } else {
            let parent = self.links.parent::<M>()?;
            Heading::first::<M>(self.store.scope(), self.store.generation(), parent, now, software)
        };
        heading.retained_from = retention::retained_from(heading.number, heading.retained_from, self.keep);
        Ok(heading)
    }

    fn publish<M: Manifest>(&self, manifest: &M) -> Result<(), CaptureError> {
        self.links.publish(self.spool, manifest, &self.store.shared().signer)?;
        retention::drop_old(self.spool, self.links, manifest)
    }

    fn keyring(&self, copy: &spool::Temporary) -> Result<Link, CaptureError> {
        let generation = self.store.generation();
        let last: Option<Signed<KeyringManifest>> = self.links.last(self.spool, generation)?;
        let Place { position, previous } =
            last.as_ref().map_or(Place::FIRST, |last| last.manifest.chains.keyring.next_place());
        let name = ObjectName::Base { generation, chain: Chain::Keyring, position };
        let (size, sha256) = self.spool.adopt(copy, &name).map_err(CaptureError::Spool)?;
        let page_size = self.frozen.keyring.size;
        let page_count = size / u64::from(page_size.max(1));
        let base = Base { position, size, page_size, page_count, sha256, previous };
        let heading = self.heading(last.as_ref())?;
        self.publish(&KeyringManifest { heading, chains: KeyringChains { keyring: Reach::of(base) } })?;
        Ok(Link { position, sha256 })
    }

    fn main(&self, keyring: Link) -> Result<Captured, CaptureError> {
        let last: Option<Signed<MainManifest>> = self.links.last(self.spool, self.store.generation())?;
        let (new_documents, new_document_bytes) = self.documents()?;
        let keys = self.put(&self.key_files.keys, ObjectName::Keys)?;
        let recovery = self.put(&self.key_files.recovery, ObjectName::Recovery)?;
        let places = last.as_ref().map_or((Place::FIRST, Place::FIRST), |last| {
            (last.manifest.chains.vault.next_place(), last.manifest.chains.audit.next_place())
        });
        let vault = self.database(Database::Vault, Chain::Vault, places.0, self.frozen.vault)?;
        let audit = self.database(Database::Audit, Chain::Audit, places.1, self.frozen.audit)?;
        let database_bytes = vault.size + audit.size;
        let manifest = MainManifest {
            heading: self.heading(last.as_ref())?,
            chains: MainChains { vault: Reach::of(vault), audit: Reach::of(audit) },
            keyring,
            documents: self.inventory()?,
            keys,
            recovery,
            audit_head: self.frozen.head.clone(),
        };
        self.publish(&manifest)?;
        Ok(Captured {
            number: manifest.heading.number.get(),
            time: manifest.heading.time,
            database_bytes,
            new_documents,
            new_document_bytes,
            entries: self.frozen.entries,
        })
    }

    /// Copies a database file as it stood still, through the descriptor that is never closed.
    fn database(&self, database: Database, chain: Chain, place: Place, pages: Pages) -> Result<Base, CaptureError> {
        let shared = self.store.shared();
        let name = ObjectName::Base { generation: self.store.generation(), chain, position: place.position };
        let file = shared.descriptors.of(database).ok_or_else(|| CaptureError::Read(io::ErrorKind::NotFound.into()))?;
        let size = pages.bytes();
        let sha256 = self.spool.copy_in(&name, copy::Positioned::new(file, size), size)?;
        let Place { position, previous } = place;
        Ok(Base { position, size, page_size: pages.size, page_count: pages.count, sha256, previous })
    }

    /// Copies the documents that the spool lacks; each is checked against its row on the way.
    fn documents(&self) -> Result<(u64, u64), CaptureError> {
        let folder = &self.store.shared().folder;
        let (mut count, mut bytes) = (0, 0);
        for entry in &self.frozen.inventory {
            let name = ObjectName::Document(entry.name);
            if self.spool.length(&name).map_err(CaptureError::Spool)? == Some(entry.size) {
                continue;
            }
            let DocumentName { document, version } = entry.name;
            let file = folder.open_file(document, version).map_err(CaptureError::Read)?;
            let copied = self.spool.copy_checked(&name, file, entry.size, entry.sha256)?;
            if !copied {
                return Err(CaptureError::Document { document });
            }
            count += 1;
            bytes += entry.size;
        }
        self.spool.sync_folders().map_err(CaptureError::Spool)?;
        Ok((count, bytes))
    }

    fn put(&self, bytes: &[u8], name: impl Fn(ContentHash) -> ObjectName) -> Result<Blob, CaptureError> {
        let sha256 = ContentHash::of(bytes);
        self.spool.put(&name(sha256), bytes).map_err(CaptureError::Spool)?;
        Ok(Blob { sha256, size: bytes.len() as u64 })
    }

    fn inventory(&self) -> Result<Documents, CaptureError> {
        let entries = &self.frozen.inventory;
        let (count, bytes) = (entries.len() as u64, entries.iter().map(|entry| entry.size).sum());
        let text = write_inventory(entries.clone());
        Ok(Documents { inventory: self.put(text.as_bytes(), ObjectName::Inventory)?, count, bytes })
    }
}
