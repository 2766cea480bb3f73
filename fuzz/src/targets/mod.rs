//! The targets, by what they read. `fuzz_targets/` has one program for each.

mod approval;
mod backup;
mod http;
mod import;
mod legacy;
mod log;
mod policy;
mod shares;
mod spool;
mod vault;

pub use approval::approval;
pub use backup::{listing, memory};
pub use http::{body, certificate, headers, jwks, lines, operator_token, query};
pub use import::{grants, scanned, test_data};
pub use legacy::{legacy, restic};
pub use log::{entry, head, log_copy, note, proof, tile_path};
pub use policy::{mapping, policies, record_type};
pub use shares::key_share;
pub use spool::{inventory, manifest, object_name, segment, wal};
pub use vault::{document, drill, key_files, pages, tombstone};

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
