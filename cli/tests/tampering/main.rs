//! What somebody may do to every kind of file who can write to the disk but has no key: changed bytes, cut files, parts of
//! other files, and what was authentic once. Whatever is done is found before a wrong byte is served or restored.
//!
//! What runs here is a sample. `make tamper` runs it at length: `COFFRE_CHANGES` of each kind, from `COFFRE_SEED` on.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod approvals;
mod at_rest;
mod backups;
mod campaign;
mod change;
mod deed;
mod evenings;
mod examined;
mod house;
mod log_copies;
mod officers;
mod older;
mod picture;
mod policies;
mod signing;

#[path = "../cli/caller.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary, which need more of it")]
mod caller;
#[path = "../crashes/dice.rs"]
mod dice;
#[path = "../cli/server.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary, which need more of it")]
mod server;
#[path = "../cli/transcript.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary, which need more of it")]
mod transcript;
