//! Replacing the root key: `keys.json` is wrapped by a new one, which is wrapped for the server identity and for the
//! recovery recipient. Nothing else changes; values, documents and backups stay as they are.
//!
//! | step | durable after it | a crash leaves |
//! |---|---|---|
//! | 1 | the new root for the server and for recovery, beside the current ones | the former root in force: they are removed at the next start |
//! | 2 | `keys.json`, wrapped by the new root: the switch | the new root in force: steps 3 to 5 are done at the next start |
//! | 3 | in `vault.db`, what `root.recovery.age` is from now on (`key_files`) | as after 2 |
//! | 4 | the new root for recovery in the place of the former | as after 2 |
//! | 5 | the new root for the server in its place | nothing |
//!
//! Whether the switch was made is told by `root.server.age` alone: it opens `keys.json` or it does not.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use coffre_core::crypto::SecretKey;
use coffre_core::keyset::{KeyFileError, RootKey};
use coffre_core::spool::ContentHash;
use rusqlite::Connection;
use thiserror::Error;

use crate::clock::SystemEntropy;
use crate::connection::{self, Use};
use crate::durable::sync_directory;
use crate::error::Unavailable;
use crate::identity::Identity;
use crate::key_files::{KeyFiles, remember_recovery};
use crate::layout::{Database, Layout};
use crate::root::{self, RootError, Unwrapped};
use crate::store::Store;

/// A root key that was not replaced.
#[derive(Debug, Error)]
pub enum RotateError {
    /// A base backup is being taken, which holds the current one.
    #[error("a base backup is being taken: wait for it, then rotate the root key again")]
    Busy,
    /// The vault cannot be changed now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The keys could not be read or written; the former root is in force.
    #[error("the root key was not replaced")]
    Keys(#[from] RootError),
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

/// Step 3.
fn remember(vault: &Connection, recovery: ContentHash) -> Result<(), RootError> {
    remember_recovery(vault, recovery).map_err(|source| RootError::NotRemembered { source })
}

/// Step 3, of a vault that is not open yet.
fn remember_next_recovery(layout: &Layout, opened: &Unwrapped) -> Result<(), RootError> {
    let path = layout.next_root_recovery();
    let hint = "restore the vault from a backup with `coffre restore`";
    let bytes = fs::read(&path).map_err(|source| RootError::Read { path, hint, source })?;
    let vault = connection::open(&layout.database(Database::Vault), &opened.keys.databases.vault, Use::Write);
    remember(&vault.map_err(|source| RootError::NotRemembered { source })?, ContentHash::of(&bytes))
}

/// Steps 4 and 5. The server's comes last: while it does not open `keys.json`, there is something to finish.
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

/// Steps 1 and 2; gives what the key files of backups are once the rotation is finished.
fn switch(layout: &Layout, identity: &Identity, recovery_recipient: &str) -> Result<KeyFiles, RootError> {
    // Former roots stand in the file, not in the memory of a vault opened before.
    let Unwrapped { root: former, mut keys, .. } = root::unwrap(layout, &layout.root_server(), identity)?;
    let new = RootKey { scope: former.scope, key: SecretKey::random(&mut SystemEntropy) };
    keys.former_roots.push(former.key);
    root::write_root(&layout.next_root_server(), &new, &identity.recipient())?;
    let recovery = root::write_root(&layout.next_root_recovery(), &new, recovery_recipient)?;
    let keys = root::write_keys(layout, &new, &keys, &mut SystemEntropy)?;
    Ok(KeyFiles { keys, recovery })
}

impl Store {
    /// Replaces the root key. Reads and writes go on; a base backup and a rotation exclude each other.
    pub fn rotate_root(&self) -> Result<(), RotateError> {
        let shared = self.shared();
        if shared.capturing.swap(true, Ordering::SeqCst) {
            return Err(RotateError::Busy);
        }
        let (identity, recipient) = (self.identity().clone(), self.recovery_recipient().to_owned());
        // On the writer's thread: two rotations never meet.
        let rotated = self.door().exclusively(move |shared, files, _| {
            let mut right = shared.key_files.write().unwrap_or_else(PoisonError::into_inner);
            *right = switch(&shared.layout, &identity, &recipient)?;
            let finished = remember(&files.vault, right.recovery).and_then(|()| put_in_place(&shared.layout));
            finished.map_err(RotateError::Unfinished)
        });
        let rotated = rotated.map_err(RotateError::from).flatten();
        // A backup taken now would hold keys that its own root does not open.
        if !matches!(rotated, Err(RotateError::Unfinished(_))) {
            shared.capturing.store(false, Ordering::SeqCst);
        }
        if rotated.is_ok() {
            // Until then a drill finds other keys in the newest backup than the vault's own.
            self.take_base_soon();
        }
        rotated
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use coffre_core::spool::ObjectName;

    use super::*;
    use crate::clock::SystemClock;
    use crate::init::{InitPlan, init};
    use crate::open::OpenOptions;

    type Files = BTreeMap<&'static str, Vec<u8>>;

    const KEYS: [&str; 3] = ["keys.json", "root.server.age", "root.recovery.age"];

    fn new_vault(folder: &Path) -> (Layout, Identity) {
        let recovery_identity_file = folder.join("recovery");
        let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
        init(&folder.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
        (Layout::new(&folder.join("vault")), Identity::read(&folder.join("recovery")).unwrap())
    }

    fn server(layout: &Layout) -> Identity {
        Identity::read(&layout.server_identity()).unwrap()
    }

    fn open(layout: &Layout) -> Store {
        let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
        Store::open(layout.root(), &server(layout), &options).unwrap()
    }

    fn files(layout: &Layout) -> Files {
        KEYS.into_iter().map(|name| (name, fs::read(layout.root().join(name)).unwrap())).collect()
    }

    /// The keys open for the server and for recovery, with one root, and nothing is left over.
    fn is_whole(layout: &Layout, recovery: &Identity) -> RootKey {
        let Unwrapped { root: by_server, .. } = root::unwrap(layout, &layout.root_server(), &server(layout)).unwrap();
        let Unwrapped { root: by_recovery, .. } = root::unwrap(layout, &layout.root_recovery(), recovery).unwrap();
        assert!(by_server.key == by_recovery.key);
        assert!(!layout.next_root_server().exists() && !layout.next_root_recovery().exists());
        by_server
    }

    fn capture(store: &Store, spool: &Path) {
        store.capture(spool, std::num::NonZeroU64::MIN, "test").unwrap();
    }

    fn set_remembered(layout: &Layout, recovery: ContentHash) {
        let Unwrapped { keys, .. } = root::unwrap(layout, &layout.root_server(), &server(layout))
            .or_else(|_| root::unwrap(layout, &layout.next_root_server(), &server(layout)))
            .unwrap();
        let vault = connection::open(&layout.database(Database::Vault), &keys.databases.vault, Use::Write).unwrap();
        remember_recovery(&vault, recovery).unwrap();
    }

    #[test]
    fn backups_are_taken_after_a_rotation_with_the_new_files() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, _) = new_vault(folder.path());
        let (store, before, spool) = (open(&layout), files(&layout), folder.path().join("spool"));
        let scope = store.scope().clone();
        capture(&store, &spool);
        store.rotate_root().unwrap();
        let after = files(&layout);
        assert!(KEYS.into_iter().all(|name| before[name] != after[name]));
        let in_spool = |files: &Files| {
            let keys = ObjectName::Keys(ContentHash::of(&files["keys.json"]));
            let recovery = ObjectName::Recovery(ContentHash::of(&files["root.recovery.age"]));
            let is_there = |name: ObjectName| spool.join(name.path(&scope)).exists();
            (is_there(keys), is_there(recovery))
        };
        assert_eq!((in_spool(&before), in_spool(&after)), ((true, true), (false, false)));
        store.key_files().unwrap();
        capture(&store, &spool);
        assert_eq!(in_spool(&after), (true, true));
        // A former file is from now on a wrong one, to this process and to the next.
        fs::write(layout.root_recovery(), &before["root.recovery.age"]).unwrap();
        assert!(store.key_files().is_err());
        fs::write(layout.root_recovery(), &after["root.recovery.age"]).unwrap();
        store.close();
        drop(store);
        let store = open(&layout);
        store.key_files().unwrap();
        capture(&store, &spool);
        store.close();
        drop(store);
        fs::write(layout.root_recovery(), &before["root.recovery.age"]).unwrap();
        let store = open(&layout);
        assert!(store.key_files().is_err());
        assert!(store.capture(&spool, std::num::NonZeroU64::MIN, "test").is_err());
        store.close();
    }

    #[test]
    fn a_rotated_root_opens_the_vault_and_the_former_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, recovery) = new_vault(folder.path());
        let first = is_whole(&layout, &recovery);
        let store = open(&layout);
        store.rotate_root().unwrap();
        let second = is_whole(&layout, &recovery);
        store.rotate_root().unwrap();
        store.close();
        drop(store);
        let third = is_whole(&layout, &recovery);
        assert!(first.key != second.key && second.key != third.key);
        let Unwrapped { keys, .. } = root::unwrap(&layout, &layout.root_server(), &server(&layout)).unwrap();
        assert!(keys.former_roots == [first.key, second.key]);
        open(&layout).close();
    }

    #[test]
    fn a_rotation_interrupted_anywhere_is_finished_or_undone() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, recovery) = new_vault(folder.path());
        let before = files(&layout);
        let store = open(&layout);
        store.rotate_root().unwrap();
        store.close();
        drop(store);
        let after = files(&layout);
        // What stands in each place: the keys, the server's root, recovery's root, the next two.
        for (what, new_keys, recovery_placed, next_server, next_recovery) in [
            ("one of step 1", false, false, true, false),
            ("both of step 1", false, false, true, true),
            ("undone by halves", false, false, false, true),
            ("the switch", true, false, true, true),
            ("step 4", true, true, true, false),
        ] {
            let place = |name: &str, bytes: &[u8]| fs::write(layout.root().join(name), bytes).unwrap();
            place("keys.json", &(if new_keys { &after } else { &before })["keys.json"]);
            place("root.server.age", &before["root.server.age"]);
            place("root.recovery.age", &(if recovery_placed { &after } else { &before })["root.recovery.age"]);
            if next_server {
                place("root.server.next.age", &after["root.server.age"]);
            }
            if next_recovery {
                place("root.recovery.next.age", &after["root.recovery.age"]);
            }
            // Step 3 comes between the switch and step 4.
            let remembered = if recovery_placed { &after } else { &before };
            set_remembered(&layout, ContentHash::of(&remembered["root.recovery.age"]));
            let store = open(&layout);
            assert!(store.key_files().is_ok(), "{what}");
            capture(&store, &folder.path().join(format!("spool after {what}")));
            store.close();
            is_whole(&layout, &recovery);
            assert_eq!(files(&layout), if new_keys { after.clone() } else { before.clone() }, "{what}");
        }
    }

    #[test]
    fn a_base_backup_and_a_rotation_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, recovery) = new_vault(folder.path());
        let (store, before) = (open(&layout), files(&layout));
        store.shared().capturing.store(true, Ordering::SeqCst);
        assert!(matches!(store.rotate_root(), Err(RotateError::Busy)));
        assert_eq!(files(&layout), before);
        store.shared().capturing.store(false, Ordering::SeqCst);
        store.rotate_root().unwrap();
        capture(&store, &folder.path().join("spool"));
        store.close();
        is_whole(&layout, &recovery);
    }

    #[test]
    fn a_rotation_that_cannot_be_written_leaves_the_former_root() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, recovery) = new_vault(folder.path());
        let (store, before) = (open(&layout), files(&layout));
        // A folder where the new file should go.
        fs::create_dir(layout.next_root_recovery()).unwrap();
        assert!(matches!(store.rotate_root(), Err(RotateError::Keys(RootError::Write { .. }))));
        assert_eq!(files(&layout), before);
        fs::remove_dir(layout.next_root_recovery()).unwrap();
        store.rotate_root().unwrap();
        store.close();
        is_whole(&layout, &recovery);
    }
}
