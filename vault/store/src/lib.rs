//! The encrypted store: four SQLCipher databases and a folder of documents behind one narrow door.
//!
//! Architecture invariants:
//! - only this crate knows rusqlite; only `connection` opens a connection of a vault, and `plain` those of foreign files;
//! - one thread writes (`writer`); its transactions have names (`transactions`);
//! - record content leaves only as an [`Undisclosed`] value, which opens with the [`Receipt`] of its
//!   committed audit entry;
//! - nothing here decides who may read: that is the server's `authorization`, by the policies.

pub mod clock;
mod disclosure;
mod document;
mod error;
mod identity;
mod init;
mod model;
mod open;
pub mod plain;
mod snapshot;
pub mod transactions;
mod writer;

pub use disclosure::{Claim, Depends, Disclosure, Receipt, Undisclosed, WrongReceipt};
pub use document::{DocumentReader, DocumentWriter, StagedDocument};
pub use error::{CommitError, ReadError, StageError, Unavailable};
pub use identity::{Identity, IdentityError};
pub use init::{InitError, InitPlan, Initialized, init};
pub use model::{
    Application, DocumentInfo, Hit, HitKind, LoggedEntry, NewSubject, RecordState, SignedHead, Statistics, VersionInfo,
};
pub use open::{OpenError, OpenOptions, Store};
pub use snapshot::Snapshot;
pub use transactions::Transaction;
pub use writer::Pending;
