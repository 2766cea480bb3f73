//! The root key and `keys.json`: read, written, wrapped by age. Opens no database.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Entropy;
use coffre_core::keyset::{KeyFileError, KeysFile, Keyset, RootKey};
use coffre_core::spool::ContentHash;
use thiserror::Error;

use crate::durable::write_private;
use crate::identity::{Identity, IdentityError, encrypt_for};
use crate::layout::Layout;

/// Keys that cannot be read or written.
#[derive(Debug, Error)]
pub enum RootError {
    /// A key file cannot be read.
    #[error("{path} cannot be read: {hint}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The identity does not open the root key.
    #[error(
        "the identity does not open {path}: use the identity this file was made for (the server's for root.server.age, \
         the recovery identity for root.recovery.age); if it is the right one, the file is damaged: restore the vault",
        path = path.display()
    )]
    WrongIdentity {
        /// Which file.
        path: PathBuf,
        /// What age said.
        #[source]
        source: age::DecryptError,
    },
    /// The file is not what was written.
    #[error("{path} is damaged: restore the vault from a backup with `coffre restore`", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What age said.
        #[source]
        source: age::DecryptError,
    },
    /// The keys do not fit.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// A recipient is not one.
    #[error(transparent)]
    Recipient(#[from] IdentityError),
    /// What `root.recovery.age` is cannot be written down.
    #[error("vault.db cannot be written: check the disk and permissions, or restore the vault if it is damaged")]
    NotRemembered {
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// A key file has its new content, which a power loss may take back.
    #[error("{path} is written, but may not outlive a power loss: check the disk", path = path.display())]
    NotDurable {
        /// Which file.
        path: PathBuf,
        /// What it is now.
        written: ContentHash,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A key file cannot be written.
    #[error("{path} cannot be written: check the directory's permissions and free space", path = path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn read(path: &Path, hint: &'static str) -> Result<Vec<u8>, RootError> {
    fs::read(path).map_err(|source| RootError::Read { path: path.to_owned(), hint, source })
}

/// A rename that is reported as failed, or whose directory does not become durable, may have been made: the file tells.
fn write(path: &Path, bytes: &[u8]) -> Result<(), RootError> {
    write_private(path, bytes).map_err(|source| {
        let path = path.to_owned();
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            RootError::NotDurable { path, written: ContentHash::of(bytes), source }
        } else {
            RootError::Write { path, source }
        }
    })
}

/// The keys of a vault, and the files that they were found to be in.
pub(crate) struct Unwrapped {
    pub(crate) root: RootKey,
    pub(crate) keys: Keyset,
    /// What `keys.json` was.
    pub(crate) keys_file: ContentHash,
    /// What the root key's file was.
    pub(crate) root_file: ContentHash,
}

/// Opens a root key file and the keys it wraps.
pub(crate) fn unwrap(layout: &Layout, root_file: &Path, identity: &Identity) -> Result<Unwrapped, RootError> {
    let read_keys = read(&layout.keys(), "is this a vault? `coffre init` makes one, `coffre restore` brings one back")?;
    let keys_file = KeysFile::from_bytes(&read_keys)?;
    let sealed = read(root_file, "restore the vault from a backup with `coffre restore`")?;
    let bytes = identity.decrypt(&sealed).map_err(|source| not_decrypted(root_file, source))?;
    let root = RootKey::from_bytes(&bytes, &keys_file.scope())?;
    let keys = Keyset::unwrap(&keys_file, &root)?;
    Ok(Unwrapped { root, keys, keys_file: ContentHash::of(&read_keys), root_file: ContentHash::of(&sealed) })
}

/// A changed byte shows as one or the other, by where it is: age tells a stranger's file from one of ours by the same
/// bytes that it may have been changed in.
fn not_decrypted(path: &Path, source: age::DecryptError) -> RootError {
    let path = path.to_owned();
    match source {
        age::DecryptError::NoMatchingKeys => RootError::WrongIdentity { path, source },
        _ => RootError::Damaged { path, source },
    }
}

/// Writes `keys.json`, wrapped by the root key; gives what the file is.
pub(crate) fn write_keys(
    layout: &Layout,
    root: &RootKey,
    keys: &Keyset,
    entropy: &mut dyn Entropy,
) -> Result<ContentHash, RootError> {
    let file = keys.wrap(root, entropy)?;
    let mut bytes = serde_json::to_vec_pretty(&file).unwrap_or_default();
    bytes.push(b'\n');
    write(&layout.keys(), &bytes)?;
    Ok(ContentHash::of(&bytes))
}

/// Writes the root key, encrypted for a recipient; gives what the file is.
pub(crate) fn write_root(path: &Path, root: &RootKey, recipient: &str) -> Result<ContentHash, RootError> {
    let sealed = encrypt_for(recipient, &root.to_bytes())?;
    write(path, &sealed)?;
    Ok(ContentHash::of(&sealed))
}
