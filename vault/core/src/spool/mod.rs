//! The format of backups as they are stored: in the spool beside a vault, on every destination and
//! inside snapshots. Object names, signed manifests, inventories, segments, and what follows from
//! them. Pure: what is listed and read is passed in, nothing here opens a file.
//!
//! ```text
//! main/ENVIRONMENT-VAULT/GENERATION/vault/0000000000000001.base
//!                                        /0000000000000002.segment
//!                                  /audit/0000000000000002.segment
//!                                  /manifests/0000000000000001.note
//!                       /pieces/SHA256.pages  inventories/SHA256.txt  keys/SHA256.json  recovery/SHA256.age
//!                       /documents/4f/DOCUMENT-VERSION
//! keyring/ENVIRONMENT-VAULT/GENERATION/keyring/0000000000000001.base
//!                                     /manifests/0000000000000001.note
//! ```
//!
//! The layout is written down in `docs/formats/spool.md`, the manifest in `docs/formats/manifest.md`.

mod continuation;
mod coverage;
mod fault;
mod hash;
mod history;
mod inventory;
mod manifest;
mod name;
mod point;
mod segment;
mod signed;
mod survey;
mod wal;

pub use continuation::Place;
pub use coverage::segments_after;
pub use fault::{Fault, Notice};
pub use hash::{ContentHash, ContentHasher, HashTextError};
pub use history::{Generation, History};
pub use inventory::{
    HEADER as INVENTORY_HEADER, InventoryEntry, InventoryError, InventoryReader, NotAnEntry, lines as inventory_lines,
    write as write_inventory,
};
pub use manifest::{
    Base, Blob, Documents, Heading, KeyringChains, KeyringManifest, Link, MainChains, MainManifest, Manifest, Needed,
    Parent, Pieces, Reach,
};
pub use name::{Chain, DocumentName, NameError, ObjectName, Ordinal, Side};
pub use point::{NoPoint, RestorePoint, Wanted};
pub use segment::{
    ChecksumOrder, DocumentChanges, Frames, SEGMENT_PREFIX, SegmentError, SegmentHeader, SegmentPoint, WalChecksum,
};
pub use signed::{ManifestError, Pinned, Signed, open, sign};
pub use survey::{Known, Listing, Survey};
pub use wal::{FRAME_HEADER, Frame, FrameCheck, Gathered, WAL_HEADER, WalError, WalHeader, WalPosition, WalWriter};

#[cfg(test)]
mod tests;
