//! The file `tiles`: the roots of the log's full tiles, one for 256 entries, so that a start need not go through the log. The writer adds them as
//! the log grows; whoever reads it ([`log_tree`](crate::log_tree)) believes it if it leads to the signed head.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use coffre_core::merkle::Hash;
use coffre_core::tlog::FullTiles;

use crate::layout::Layout;
use crate::log_file::Tail;

/// What the file begins with.
const MAGIC: &[u8; 16] = b"coffre-tiles-v1\n";

/// The roots in the file, at most so many; `None` for a file that is not there or not this.
pub(crate) fn remembered(file: &Path, most: u64) -> Option<FullTiles> {
    let mut bytes = Vec::new();
    // However long it was made, no more is in memory than the log can have.
    let length = most.saturating_mul(Hash::LENGTH as u64).saturating_add(MAGIC.len() as u64);
    File::open(file).and_then(|file| file.take(length).read_to_end(&mut bytes)).ok()?;
    let (roots, _torn) = bytes.strip_prefix(MAGIC)?.as_chunks::<{ Hash::LENGTH }>();
    Some(roots.iter().copied().map(Hash::from_bytes).collect())
}

/// Writes roots at their places. Not made durable: what is lost is computed again.
pub(crate) fn remember(file: &Path, from: u64, roots: &[Hash]) -> io::Result<()> {
    if roots.is_empty() {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file)?;
    let bytes: Vec<u8> = roots.iter().flat_map(Hash::as_bytes).copied().collect();
    file.write_all_at(MAGIC, 0)?;
    file.write_all_at(&bytes, MAGIC.len() as u64 + from * Hash::LENGTH as u64)
}

/// Keeps the roots of the tiles that the newest entries have filled.
pub(crate) fn keep(layout: &Layout, tail: &Tail) {
    if let Err(error) = remember(&layout.tiles(), tail.first_tile(), &tail.tiles) {
        tracing::warn!(%error, "the roots of full tiles are not kept: the next start goes through the log");
    }
}

/// Makes durable what was written, so that a loss of power leaves little to compute again.
pub(crate) fn sync(layout: &Layout) {
    let synced = match File::open(layout.tiles()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.and_then(|file| file.sync_data()),
    };
    if let Err(error) = synced {
        tracing::warn!(%error, "roots of full tiles can be lost with the power: a start then goes through the log");
    }
}
