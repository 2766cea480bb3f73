//! Backups without keys: shipping the spool, verifying and restoring what was shipped, snapshots by
//! restic, and how old the last good backup is. Everything handled here is ciphertext or signed.
//!
//! Architecture invariant: this crate depends on `coffre-core` alone. It cannot open a vault, and
//! the account that runs it holds no key. The formats are `coffre_core::spool`'s.

mod content;
pub mod destination;
mod disk;
mod durable;
mod ending;
pub mod expiry;
pub mod follow;
mod inventory;
pub mod jobs;
mod keyring_copies;
pub mod list;
mod lock;
pub mod maintenance;
pub mod measure;
mod object;
pub mod objective;
mod observer;
pub mod other_sources;
mod regular;
pub mod restic;
pub mod restore;
pub mod run;
pub mod secret_file;
mod segments;
pub mod ship;
pub mod snapshot;
mod sources;
pub mod spool_size;
pub mod state;
pub mod status;
pub mod verify;

pub use disk::Disk;
pub use ending::{Ending, Ends};
pub use keyring_copies::keyring_copies;
pub use lock::LockError;
pub use observer::{Cancelled, Observer, Progress, Stage};
pub use sources::Sources;
