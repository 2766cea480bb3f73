//! The audit log as others read it: signed tree heads, static copies and proofs in the formats of C2SP
//! (tlog-checkpoint, tlog-tiles, tlog-proof), and the verification of a log, copied or not.
//!
//! Pure: copies are read and written through what the caller passes in. What an entry says is in `audit`.

mod bundle;
mod export;
mod full_tiles;
mod head;
mod proof;
mod tile;
mod tile_text;
mod verify;

pub use bundle::entry_bundle;
pub use export::{Export, ExportError, ExportedFile};
pub use full_tiles::{FullTiles, TILE_LEVELS, TiledLog};
pub use head::{HeadError, TreeHead};
pub use proof::{TlogProof, TlogProofError};
pub use tile::{TILE_WIDTH, TileKind, TilePath};
pub use tile_text::TilePathError;
pub use verify::{
    CopyReport, CopySource, EntriesReport, LONGEST_FILE, LogFault, NotAnExtension, StoredEntry, verify_copy,
    verify_entries,
};

/// Where a static copy holds its signed tree head.
pub const CHECKPOINT_PATH: &str = "checkpoint";

#[cfg(test)]
mod tests;
