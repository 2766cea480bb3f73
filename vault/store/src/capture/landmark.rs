//! What the database files hold, as one small file beside them: at the last checkpoint, everything up
//! to these objects. With it a vault that was stopped goes on with its chains; without it, or when a
//! file was touched since, a base backup is taken. It is removed before each checkpoint and written
//! after those that took captured frames only, so it never says too much. Each file counts by itself, and one
//! into which frames are taken ahead of a checkpoint is left out from then on: its place is in the write-ahead log.

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

/// Keyring, vault and audit at the last checkpoint, unless they were taken on since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Landmark {
    format: String,
    generation: GenerationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyring: Option<Stood>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<Stood>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Stood>,
}

impl Landmark {
    /// The last object of each database file that is as it was.
    pub(super) fn read(layout: &Layout, generation: GenerationId) -> io::Result<[Option<Link>; 3]> {
        let Some(said) = Self::load(layout)?.filter(|said| said.generation == generation) else { return Ok([None; 3]) };
        let mut last = [None; 3];
        for ((last, said), database) in last.iter_mut().zip([said.keyring, said.vault, said.audit]).zip(KEPT) {
            let Some(said) = said else { continue };
            let now = Stood::of(said.last, &fs::metadata(layout.database(database))?);
            *last = (said == now).then_some(said.last);
        }
        Ok(last)
    }

    /// Says that everything in the database files is in these objects. Durable when it returns.
    pub(super) fn write(layout: &Layout, generation: GenerationId, last: [Link; 3]) -> io::Result<()> {
        let mut stood = [None, None, None];
        for ((stood, last), database) in stood.iter_mut().zip(last).zip(KEPT) {
            *stood = Some(Stood::of(last, &fs::metadata(layout.database(database))?));
        }
        let [keyring, vault, audit] = stood;
        Self { format: FORMAT.to_owned(), generation, keyring, vault, audit }.put(layout)
    }

    /// Says nothing any more of some of them. Durable when it returns.
    pub(super) fn leave_out(layout: &Layout, which: [bool; 3]) -> io::Result<()> {
        let Some(mut said) = Self::load(layout)? else { return Ok(()) };
        for (stood, leave_out) in [&mut said.keyring, &mut said.vault, &mut said.audit].into_iter().zip(which) {
            if leave_out {
                *stood = None;
            }
        }
        said.put(layout)
    }

    /// What was said, if that can be read.
    fn load(layout: &Layout) -> io::Result<Option<Self>> {
        let bytes = match fs::read(layout.landmark()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        Ok(serde_json::from_slice::<Self>(&bytes).ok().filter(|said| said.format == FORMAT))
    }

    fn put(&self, layout: &Layout) -> io::Result<()> {
        make_directory(&layout.chain())?;
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        write_private(&layout.landmark(), &bytes)
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
