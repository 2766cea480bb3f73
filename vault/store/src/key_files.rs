//! Whether the two key files that go into every base backup are still what they were. Without them no backup opens,
//! and the server would not notice: it has read `keys.json` once, and cannot open `root.recovery.age` at all.
//!
//! What is right: of `keys.json` the bytes that the vault was opened with; of `root.recovery.age` those whose
//! SHA-256 stands in `vault.db` since the file was made, or since a restore opened it. A rotation of the root key
//! replaces both files, and with them what is right, and may replace whom `root.recovery.age` is for.

use std::fs;
use std::io;
use std::path::Path;

use coffre_core::spool::ContentHash;
use rusqlite::Connection;
use thiserror::Error;

use crate::layout::Layout;
use crate::meta;

/// A key file that must not go into a backup, nor into a rotation.
#[derive(Debug, Error)]
pub enum KeyFileFault {
    /// It is not what it was.
    #[error(
        "{file} was damaged or replaced: put back its right copy, which earlier backups hold as {copy}, and run this again"
    )]
    Changed {
        /// Which file.
        file: &'static str,
        /// Its right copy in a spool or at a destination, below the vault's folder.
        copy: String,
    },
    /// It cannot be read.
    #[error("{file} cannot be read: put back its copy, which earlier backups hold as {copy}, and run this again")]
    Unreadable {
        /// Which file.
        file: &'static str,
        /// Its right copy.
        copy: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What the key files should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyFiles {
    pub(crate) keys: ContentHash,
    pub(crate) recovery: ContentHash,
}

/// The key files, as they should be.
pub(crate) struct RightKeyFiles {
    pub(crate) keys: Vec<u8>,
    pub(crate) recovery: Vec<u8>,
}

impl KeyFiles {
    /// Reads both, and compares them.
    pub(crate) fn read(&self, layout: &Layout) -> Result<RightKeyFiles, KeyFileFault> {
        Ok(RightKeyFiles {
            keys: self.read_keys(layout)?,
            recovery: read("root.recovery.age", &layout.root_recovery(), self.recovery, "recovery/", ".age")?,
        })
    }

    /// `keys.json` alone, for a rotation of the root key, which replaces a damaged `root.recovery.age`.
    pub(crate) fn read_keys(&self, layout: &Layout) -> Result<Vec<u8>, KeyFileFault> {
        read("keys.json", &layout.keys(), self.keys, "keys/", ".json")
    }

    /// What is wrong with another `keys.json`.
    pub(crate) fn other_keys(&self) -> KeyFileFault {
        KeyFileFault::Changed { file: "keys.json", copy: format!("keys/{}.json", self.keys) }
    }
}

fn read(
    file: &'static str,
    path: &Path,
    right: ContentHash,
    folder: &str,
    extension: &str,
) -> Result<Vec<u8>, KeyFileFault> {
    let copy = format!("{folder}{right}{extension}");
    match fs::read(path) {
        Ok(bytes) if ContentHash::of(&bytes) == right => Ok(bytes),
        Ok(_) => Err(KeyFileFault::Changed { file, copy }),
        Err(source) => Err(KeyFileFault::Unreadable { file, copy, source }),
    }
}

const KEY: &str = "root_recovery_sha256";
const RECIPIENT: &str = "recovery_recipient";
/// What the next `root.recovery.age` is and whom it is for, while a rotation is under way: `HASH RECIPIENT`.
const ANNOUNCED: &str = "next_root_recovery";

/// Writes down whom the next `root.recovery.age` is for, before it can be in force.
pub(crate) fn announce_recovery(vault: &Connection, recovery: ContentHash, recipient: &str) -> rusqlite::Result<()> {
    meta::set(vault, ANNOUNCED, &format!("{recovery} {recipient}"))
}

/// Writes down what `root.recovery.age` is and, if that was announced, whom it is for. The announcement goes last: cut short,
/// this is done again. One that is about another file is left over from a rotation that never came into force.
pub(crate) fn remember_recovery(vault: &Connection, recovery: ContentHash) -> rusqlite::Result<()> {
    let announced = meta::get(vault, ANNOUNCED)?;
    let of_this = announced.as_deref().and_then(|text| text.strip_prefix(&recovery.to_string())?.strip_prefix(' '));
    if let Some(recipient) = of_this {
        meta::set(vault, RECIPIENT, recipient)?;
    }
    meta::set(vault, KEY, &recovery.to_string())?;
    meta::remove(vault, ANNOUNCED)
}

/// What `root.recovery.age` should be, if it was written down.
pub(crate) fn remembered_recovery(vault: &Connection) -> rusqlite::Result<Option<ContentHash>> {
    Ok(meta::get(vault, KEY)?.and_then(|text| text.parse().ok()))
}
