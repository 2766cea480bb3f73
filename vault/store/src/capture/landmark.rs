//! What the database files hold, as one small file beside them: at the last checkpoint, everything up
//! to these objects. With it a vault that was stopped goes on with its chains; without it, or when a
//! file was touched since, a base backup is taken. It is removed before each checkpoint and written
//! after those that took captured frames only, so it never says too much.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use coffre_core::ids::GenerationId;
use coffre_core::spool::Link;
use serde::{Deserialize, Serialize};

use crate::durable::{make_directory, sync_directory, write_private};
use crate::layout::Layout;
use crate::writer::KEPT;

const FORMAT: &str = "coffre/landmark/v1";

/// A database file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stood {
    /// The last object that its content is in.
    last: Link,
    inode: u64,
    length: u64,
    /// When it was last written to, in nanoseconds.
    written: i64,
}

impl Stood {
    fn of(last: Link, file: &Metadata) -> Self {
        let written = file.mtime().saturating_mul(1_000_000_000).saturating_add(file.mtime_nsec());
        Self { last, inode: file.ino(), length: file.len(), written }
    }
}

/// Keyring, vault and audit at the last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Landmark {
    format: String,
    generation: GenerationId,
    keyring: Stood,
    vault: Stood,
    audit: Stood,
}

impl Landmark {
    /// The last objects, if the database files are as they were.
    pub(super) fn read(layout: &Layout, generation: GenerationId) -> io::Result<Option<[Link; 3]>> {
        let bytes = match fs::read(layout.landmark()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let Ok(found) = serde_json::from_slice::<Self>(&bytes) else { return Ok(None) };
        let last = [found.keyring.last, found.vault.last, found.audit.last];
        Ok((found == Self::of(layout, generation, last)?).then_some(last))
    }

    /// Says that everything in the database files is in these objects. Durable when it returns.
    pub(super) fn write(layout: &Layout, generation: GenerationId, last: [Link; 3]) -> io::Result<()> {
        make_directory(&layout.chain())?;
        let mut bytes = serde_json::to_vec_pretty(&Self::of(layout, generation, last)?)?;
        bytes.push(b'\n');
        write_private(&layout.landmark(), &bytes)
    }

    fn of(layout: &Layout, generation: GenerationId, last: [Link; 3]) -> io::Result<Self> {
        let [keyring, vault, audit] = KEPT.map(|database| fs::metadata(layout.database(database)));
        let [of_keyring, of_vault, of_audit] = last;
        Ok(Self {
            format: FORMAT.to_owned(),
            generation,
            keyring: Stood::of(of_keyring, &keyring?),
            vault: Stood::of(of_vault, &vault?),
            audit: Stood::of(of_audit, &audit?),
        })
    }
}

/// Says nothing any more. Durable when it returns.
pub(crate) fn forget(layout: &Layout) -> io::Result<()> {
    match fs::remove_file(layout.landmark()) {
        Ok(()) => sync_directory(&layout.chain()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
