//! Base backups: what is captured restores to the same vault, as a new generation whose log goes on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "capture/drilled.rs"]
mod drilled;
#[path = "capture/erased.rs"]
mod erased;
#[path = "support/grants.rs"]
mod grants;
#[path = "capture/pieces.rs"]
mod pieces;
#[path = "capture/placed.rs"]
mod placed;
#[path = "capture/pruned.rs"]
mod pruned;
#[path = "capture/restored.rs"]
mod restored;
#[path = "capture/rewound.rs"]
mod rewound;
#[path = "capture/rotated.rs"]
mod rotated;
#[path = "capture/spool.rs"]
mod spool;
#[path = "capture/strangers.rs"]
mod strangers;
mod support;

use drilled::drill;
use erased::{document_files, erase, is_erased};
use placed::{KEEP, add_document, manifest, place, place_with};
