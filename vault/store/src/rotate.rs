//! Replacing the root key: `keys.json` is wrapped by a new one, which is wrapped for the server identity and for the
//! recovery recipient, the same as before or another one. Nothing else changes; values, documents and backups stay as they are.
//!
//! | step | durable after it | a crash leaves |
//! |---|---|---|
//! | 1 | the new root for the server and for recovery, beside the current ones | the former root in force: they are removed at the next start |
//! | 2 | in `vault.db`, what the next `root.recovery.age` is and whom it is for | the same; what it says is about no file that is there |
//! | 3 | `keys.json`, wrapped by the new root: the switch | the new root in force: steps 4 to 6 are done at the next start |
//! | 4 | in `vault.db`, what `root.recovery.age` is from now on, and whom it is for (`key_files`) | as after 3 |
//! | 5 | the new root for recovery in the place of the former | as after 3 |
//! | 6 | the new root for the server in its place | nothing |
//!
//! Whether the switch was made is told by `root.server.age` alone: it opens `keys.json` or it does not. A switch that was made
//! and may not be durable goes no further: while both new roots stand beside the former ones, either `keys.json` opens.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use coffre_core::crypto::SecretKey;
use coffre_core::keyset::{KeyFileError, Keyset, RootKey};
use coffre_core::spool::ContentHash;
use rusqlite::Connection;
use thiserror::Error;

use crate::capture::CaptureError;
use crate::clock::SystemEntropy;
use crate::connection::{self, Use};
use crate::durable::sync_directory;
use crate::error::Unavailable;
use crate::identity::{Identity, IdentityError, check_recipient};
use crate::key_files::{KeyFileFault, KeyFiles, announce_recovery, remember_recovery};
use crate::layout::{Database, Layout};
use crate::root::{self, RootError, Unwrapped};
use crate::store::Store;
use crate::writer::Shared;

/// A root key that was not replaced.
#[derive(Debug, Error)]
pub enum RotateError {
    /// A base backup is being taken, which holds the current one.
    #[error("a base backup is being taken: wait for it, then rotate the root key again")]
    Busy,
    /// An earlier rotation came to no end.
    #[error(
        "an earlier rotation of the root key is not finished: start the vault again, which finishes the rotation, or undoes it, then rotate again"
    )]
    HalfDone,
    /// The vault cannot be changed now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// `keys.json` is not what it was.
    #[error(transparent)]
    KeyFile(#[from] KeyFileFault),
    /// No backup holds the secret of the next epoch.
    #[error(
        "the data are not rotated: the secret of the next epoch must be in a base backup before anything is written under it, and none could be taken"
    )]
    NotCaptured(#[source] CaptureError),
    /// The new recipient is none.
    #[error(transparent)]
    Recipient(#[from] IdentityError),
    /// The keys could not be read or written; the former root is in force.
    #[error("the root key was not replaced")]
    Keys(#[from] RootError),
    /// `keys.json` has been switched, and nobody knows whether that outlives a power loss.
    #[error(
        "keys.json is wrapped by the new root key, but the disk did not confirm it: no backup is taken until the vault was started again, which finishes the rotation, or undoes it if the disk lost it"
    )]
    Undecided(#[source] RootError),
    /// The new root is in force, but its files are not in their places.
    #[error(
        "the root key is replaced, but not all files are in their places: start the vault again, which finishes it"
    )]
    Unfinished(#[source] RootError),
}

/// Opens the keys with the server identity; finishes or undoes a rotation that was interrupted.
pub(crate) fn unwrap(layout: &Layout, identity: &Identity) -> Result<Unwrapped, RootError> {
    match root::unwrap(layout, &layout.root_server(), identity) {
        Err(RootError::Keys(KeyFileError::DoesNotOpen(_))) if layout.next_root_server().exists() => {
            let opened = root::unwrap(layout, &layout.next_root_server(), identity)?;
            if layout.next_root_recovery().exists() {
                remember_next_recovery(layout, &opened)?;
            }
            put_in_place(layout)?;
            tracing::warn!("a rotation of the root key was interrupted, and is finished now");
            Ok(opened)
        }
        Ok(opened) => {
            for left_over in [layout.next_root_recovery(), layout.next_root_server()] {
                remove(&left_over).map_err(not_written(layout.root()))?;
            }
            Ok(opened)
        }
        refused => refused,
    }
}

fn not_written(path: &Path) -> impl Fn(io::Error) -> RootError {
    move |source| RootError::Write { path: path.to_owned(), source }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Step 4.
fn remember(vault: &Connection, recovery: ContentHash) -> Result<(), RootError> {
    remember_recovery(vault, recovery).map_err(|source| RootError::NotRemembered { source })
}

/// Step 4, of a vault that is not open yet.
fn remember_next_recovery(layout: &Layout, opened: &Unwrapped) -> Result<(), RootError> {
    let path = layout.next_root_recovery();
    let hint = "restore the vault from a backup with `coffre restore`";
    let bytes = fs::read(&path).map_err(|source| RootError::Read { path, hint, source })?;
    let vault = connection::open(&layout.database(Database::Vault), &opened.keys.databases.vault, Use::Write);
    remember(&vault.map_err(|source| RootError::NotRemembered { source })?, ContentHash::of(&bytes))
}

/// Steps 5 and 6. The server's comes last: while it does not open `keys.json`, there is something to finish.
fn put_in_place(layout: &Layout) -> Result<(), RootError> {
    let rename = || {
        match fs::rename(layout.next_root_recovery(), layout.root_recovery()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        sync_directory(layout.root())?;
        fs::rename(layout.next_root_server(), layout.root_server())?;
        sync_directory(layout.root())
    };
    rename().map_err(not_written(layout.root()))
}

/// Steps 1 to 3. The key files of backups are from then on the new `keys.json` and, once the rotation is finished, the next
/// `root.recovery.age`, which is given.
fn switch(
    shared: &Shared,
    identity: &Identity,
    recipient: &str,
    vault: &Connection,
    right: &mut KeyFiles,
) -> Result<ContentHash, RotateError> {
    let layout = &shared.layout;
    // An older file lacks secrets that values are written under; wrapped anew, nobody would see that it is one.
    right.read_keys(layout)?;
    // Former roots stand in the file, not in the memory of a vault opened before.
    let Unwrapped { root: former, mut keys, keys_file, .. } = root::unwrap(layout, &layout.root_server(), identity)?;
    if keys_file != right.keys || keys.epochs.newest() < shared.epoch.number() {
        return Err(right.other_keys().into());
    }
    let new = RootKey { scope: former.scope, key: SecretKey::random(&mut SystemEntropy) };
    keys.former_roots.push(former.key);
    root::write_root(&layout.next_root_server(), &new, &identity.recipient())?;
    let recovery = root::write_root(&layout.next_root_recovery(), &new, recipient)?;
    announce_recovery(vault, recovery, recipient).map_err(|source| RootError::NotRemembered { source })?;
    write_keys(layout, &new, &keys, right).map_err(|error| match error {
        undecided @ RootError::NotDurable { .. } => RotateError::Undecided(undecided),
        error => error.into(),
    })?;
    Ok(recovery)
}

/// Writes `keys.json`, and what is right of it: what is there, also where that may not outlive a power loss.
fn write_keys(layout: &Layout, root: &RootKey, keys: &Keyset, right: &mut KeyFiles) -> Result<(), RootError> {
    let written = root::write_keys(layout, root, keys, &mut SystemEntropy);
    if let Ok(written) | Err(RootError::NotDurable { written, .. }) = &written {
        right.keys = *written;
    }
    written.map(drop)
}

/// Writes the secret of the epoch after the one in use into `keys.json`. One that is there and not in use is kept, and the file
/// written again: whether it is durable is not known.
fn announce(shared: &Shared, identity: &Identity) -> Result<u32, RotateError> {
    let mut right = shared.key_files.write().unwrap_or_else(PoisonError::into_inner);
    right.read(&shared.layout)?;
    let Unwrapped { root, mut keys, .. } = root::unwrap(&shared.layout, &shared.layout.root_server(), identity)?;
    if keys.epochs.newest() <= shared.epoch.number() {
        keys.epochs.announce(&mut SystemEntropy);
    }
    write_keys(&shared.layout, &root, &keys, &mut right)?;
    let epoch = keys.epochs.newest();
    shared.know_epochs(keys.epochs);
    Ok(epoch)
}

/// Keeps base backups and other rotations out, until `capturing` is let go.
fn begin_alone(shared: &Shared) -> Result<(), RotateError> {
    if shared.capturing.swap(true, Ordering::SeqCst) {
        return Err(RotateError::Busy);
    }
    if shared.half_rotated.load(Ordering::SeqCst) {
        shared.capturing.store(false, Ordering::SeqCst);
        return Err(RotateError::HalfDone);
    }
    Ok(())
}

impl Store {
    /// Replaces the root key. Reads and writes go on; a base backup and a rotation exclude each other.
    pub fn rotate_root(&self) -> Result<(), RotateError> {
        self.rotate(self.recovery_recipient())
    }

    /// The same, and from now on another recovery identity opens it: backups from the next base on. Earlier bases stay with the
    /// former one.
    pub fn rotate_recovery(&self, recipient: &str) -> Result<(), RotateError> {
        check_recipient(recipient)?;
        self.rotate(recipient.to_owned())
    }

    /// Whether somebody can be made the recovery recipient.
    pub fn check_recipient(&self, recipient: &str) -> Result<(), IdentityError> {
        check_recipient(recipient)
    }

    /// Makes the secret of the next data epoch, and has it in a base backup where commits are captured: from then on it may be
    /// written under. Gives the epoch. One that is not in use yet is not made twice.
    pub fn announce_epoch(&self) -> Result<u32, RotateError> {
        let shared = self.shared();
        begin_alone(shared)?;
        let identity = self.identity().clone();
        let announced = self.door().exclusively(move |shared, _, _| announce(shared, &identity));
        shared.capturing.store(false, Ordering::SeqCst);
        let epoch = announced.map_err(RotateError::from).flatten()?;
        self.take_base_now().map_err(RotateError::NotCaptured)?;
        Ok(epoch)
    }

    fn rotate(&self, recipient: String) -> Result<(), RotateError> {
        let shared = self.shared();
        begin_alone(shared)?;
        let (identity, for_whom) = (self.identity().clone(), recipient.clone());
        // On the writer's thread: two rotations never meet.
        let rotated = self.door().exclusively(move |shared, files, _| {
            let mut right = shared.key_files.write().unwrap_or_else(PoisonError::into_inner);
            right.recovery = switch(shared, &identity, &for_whom, &files.vault, &mut right)?;
            let finished = remember(&files.vault, right.recovery).and_then(|()| put_in_place(&shared.layout));
            finished.map_err(RotateError::Unfinished)
        });
        let rotated = rotated.map_err(RotateError::from).flatten();
        if matches!(rotated, Ok(()) | Err(RotateError::Unfinished(_))) {
            self.is_for(recipient);
        }
        // A base backup taken now would hold keys that its own root does not open.
        if matches!(rotated, Err(RotateError::Unfinished(_) | RotateError::Undecided(_))) {
            shared.half_rotated.store(true, Ordering::SeqCst);
        }
        shared.capturing.store(false, Ordering::SeqCst);
        if rotated.is_ok() {
            // Until then a drill finds other keys in the newest backup than the vault's own.
            self.take_base_soon();
        }
        rotated
    }
}

#[cfg(test)]
mod tests;
