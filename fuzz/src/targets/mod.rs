//! The targets, by what they read. `fuzz_targets/` has one program for each.

mod approval;
mod http;
mod legacy;
mod log;
mod policy;
mod spool;
mod vault;

pub use approval::approval;
pub use http::{body, headers, query};
pub use legacy::{legacy, restic};
pub use log::{entry, head, log_copy, note, proof, tile_path};
pub use policy::{mapping, record_type};
pub use spool::{inventory, manifest, object_name, segment, wal};
pub use vault::{document, key_files, key_share, tombstone};

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
