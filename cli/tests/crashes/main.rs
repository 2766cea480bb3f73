//! The built `coffre` binary under faults that the operating system gives it: killed at a named step, a disk that fails
//! or loses what was not synced, a clock that jumps. A small library under its file calls (`shim.c`) makes them happen.
//!
//! What runs here is a sample. `make crash` runs the campaigns at length: `COFFRE_CRASHES` states, from `COFFRE_SEED` on.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod accepted_pages;
mod campaign;
mod clock;
mod desk;
mod dice;
mod erased_copies;
mod failing;
mod journal;
mod killed;
mod order;
mod power;
mod root_key;
mod scene;
mod shim;
mod steps;

#[path = "../cli/caller.rs"]
mod caller;
#[path = "../cli/server.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary, which need more of it")]
mod server;
#[path = "../cli/transcript.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary, which need more of it")]
mod transcript;
