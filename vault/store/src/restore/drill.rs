//! Opening a restored backup beside the running vault, with the keys that this process has in memory. Nothing becomes a
//! vault: no identity is written, no generation begun, and whoever asked removes the directory.
//!
//! The backup's `keys.json` must be, byte for byte, the one that this process opened with its root key: then the keys in
//! memory are those in it, and neither the root key nor the recovery identity is needed.

use std::fs;
use std::path::Path;

use coffre_core::drill::{OpenedState, Slice};
use coffre_core::ids::SubjectId;
use coffre_core::spool::ContentHash;
use coffre_core::tlog::NotAnExtension;
use thiserror::Error;

use super::erasures::Missed;
use super::hashed::Hashed;
use super::inside::Inside;
use super::log::Heads;
use super::{Checking, Fetched, Offline, RestoreError, Stopped, Watching};
use crate::document::DocumentFolder;
use crate::error::disk_is_full;
use crate::layout::Layout;
use crate::log_tree::{LogTree, LogTreeError};
use crate::open::{Owned, own};
use crate::store::Store;

/// What a drill found inside a restored backup.
pub type Drilled = OpenedState;

/// A restored backup that is not what it should be.
#[derive(Debug, Error)]
pub enum DrillError {
    /// It does not open, or is damaged.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A key file is another one than the vault's.
    #[error(
        "{file} in the backup is not the vault's own: take a base backup with `coffre backup run --base`, then repeat the drill"
    )]
    KeyFile {
        /// Which file.
        file: &'static str,
    },
    /// What is stored is not what the log says was written.
    #[error(
        "{what} at entry {entry} is not what the log says was written: keep this backup as evidence, and restore from another"
    )]
    NotAsLogged {
        /// A value or a document.
        what: &'static str,
        /// The entry of the log.
        entry: u64,
        /// Whose it is.
        subject: Option<SubjectId>,
    },
    /// Something is stored that the log does not know.
    #[error(
        "{count} {what} are stored that the log does not name: keep this backup as evidence, and restore from another"
    )]
    Unlogged {
        /// Values or documents.
        what: &'static str,
        /// How many.
        count: u64,
    },
    /// Its log is not the beginning of the running vault's.
    #[error(
        "the running vault's log does not go on from the backup's: keep both as evidence, and run `coffre audit verify`"
    )]
    NotAncestor(#[source] NotAnExtension),
    /// The running vault's log cannot be compared.
    #[error(transparent)]
    Tree(#[from] LogTreeError),
}

impl Store {
    /// Opens a restored backup and checks it from the inside: every page, the structure, the log's tree against its
    /// signed head, every value's and document's hash against the log, and that the running log goes on from it. What is
    /// in the slice is decrypted to its end. Asked to stop, it does so within some hundred records; the pages of a database
    /// that it is at are checked to their end.
    pub fn drill(
        &self,
        dir: &Path,
        fetched: &Fetched,
        slice: Slice,
        checking: &mut dyn FnMut(Checking),
        stop: &dyn Fn() -> bool,
    ) -> Result<Drilled, DrillError> {
        let mut watching = |at: Checking| {
            checking(at);
            if stop() { Err(Stopped) } else { Ok(()) }
        };
        let drilled = open_beside(self, dir, fetched, slice, &mut watching);
        drilled.map_err(|error| match error {
            DrillError::Restore(error) => error.unless_full().into(),
            error => error,
        })
    }
}

fn open_beside(
    store: &Store,
    dir: &Path,
    fetched: &Fetched,
    slice: Slice,
    checking: &mut Watching<'_>,
) -> Result<Drilled, DrillError> {
    let shared = store.shared();
    if fetched.key != *store.verification_key() {
        return Err(RestoreError::OtherVault.into());
    }
    let Owned { layout, lock: _lock } = own(dir).map_err(RestoreError::Open)?;
    let right = shared.key_files();
    check_key_file("keys.json", &layout.keys(), right.keys)?;
    check_key_file("root.recovery.age", &layout.root_recovery(), right.recovery)?;
    let offline = Offline::open(&layout, &shared.keys(), false, checking)?;
    let heads = Heads::of(fetched)?;
    heads.check(&offline.audit, fetched, checking)?;
    let head = heads.newest;
    LogTree::of(store).goes_on_from(&head)?.map_err(DrillError::NotAncestor)?;
    let missed = Missed::find(&offline.vault, &offline.keyring, &fetched.key)?;
    let hashed = Hashed::check(&offline, head.size, checking)?;
    let folder = documents_of(&layout)?;
    let (scope, keys, root_file) = (&shared.scope, &shared.keys(), right.recovery);
    let inside = Inside { folder: &folder, scope, root_file, keys, offline: &offline };
    let (slice_records, slice_documents, slice_document_bytes) = inside.check(&missed.subjects(), slice, checking)?;
    Ok(Drilled {
        entries: head.size,
        root: head.root.to_string(),
        values: hashed.values,
        documents: hashed.documents,
        slice_records,
        slice_documents,
        slice_document_bytes,
    })
}

fn check_key_file(file: &'static str, path: &Path, right: ContentHash) -> Result<(), DrillError> {
    let found = fs::read(path).map_err(RestoreError::Write)?;
    if ContentHash::of(&found) == right { Ok(()) } else { Err(DrillError::KeyFile { file }) }
}

/// A vault without a document has no folder of them in its backup.
fn documents_of(layout: &Layout) -> Result<DocumentFolder, RestoreError> {
    DocumentFolder::open(&layout.documents()).map_err(RestoreError::Write)
}

impl DrillError {
    /// Whether a full disk is behind it, which proves nothing against the backup.
    pub fn is_full_disk(&self) -> bool {
        disk_is_full(self)
    }

    /// In words for whoever must not learn which record it is about: the vault's own log says that.
    pub fn told(&self) -> String {
        match self {
            Self::Restore(RestoreError::Tombstone { .. }) => {
                "keyring.db holds a tombstone that cannot be believed: the vault's log says which; fetch the keyring again from another copy".to_owned()
            }
            error => error.to_string(),
        }
    }
}
