//! The encrypted store: four SQLCipher databases and a folder of documents behind one narrow door.
//!
//! Architecture invariants:
//! - only this crate knows rusqlite; only `connection` opens a connection of a vault, and `plain` those of foreign files;
//! - one thread writes (`writer`); its transactions have names (`transactions`);
//! - record content leaves only as an [`Undisclosed`] value, which opens with the [`Receipt`] of its
//!   committed audit entry;
//! - nothing here decides who may read: that is the server's `authorization`, by the policies.

mod accept;
mod answered;
mod applications;
mod approvals;
mod capture;
mod carrying;
pub mod clock;
mod connection;
mod cosigned_head;
mod disclosure;
mod document;
mod drills;
mod durable;
mod epoch;
mod error;
mod filings;
mod habilitations;
mod history;
mod identity;
mod index_file;
mod index_state;
mod init;
mod kept_pages;
mod key_files;
mod keyring;
mod layout;
mod log_file;
mod log_tree;
mod memory;
mod meta;
mod model;
mod named_fields;
mod open;
pub mod plain;
mod readers;
mod reason;
mod recovery;
mod remembered;
mod reserve;
mod restore;
mod retention;
mod rights;
mod root;
mod rotate;
mod rotation;
mod schema;
mod snapshot;
mod statistics;
mod store;
mod terms;
mod tile_file;
pub mod transactions;
mod values;
mod writer;

pub use answered::{ANSWER_SECONDS, Answered, Known, RepeatKey};
pub use approvals::{ApprovalCounts, ApprovedPolicies};
pub use capture::{BegunAnew, CaptureError, CaptureOptions, CaptureStatus, Captured, CaughtUp, WhenFull};
pub use carrying::Carrying;
pub use coffre_pages::give_back_memory;
pub use disclosure::{Claim, Depends, Disclosure, Receipt, Undisclosed, WrongReceipt};
pub use document::{DocumentReader, DocumentWriter, StagedDocument};
pub use drills::KeepDrillError;
pub use error::{CommitError, ReadError, StageError, Unavailable, disk_is_full};
pub use filings::{FilingCounts, FilingCursor, FilingFilter, FilingStep};
pub use identity::{Identity, IdentityError};
pub use init::{HandOver, InitError, InitPlan, Initialized, init, init_and_hand_over};
pub use key_files::KeyFileFault;
pub use layout::{Database, Layout};
pub use log_tree::{LogTree, LogTreeError};
pub use model::{
    Application, DocumentInfo, Hit, HitKind, LoggedEntry, NewSubject, RecordState, SignedHead, Statistics, TokenInfo,
    VersionInfo,
};
pub use open::{OpenError, OpenOptions, is_open};
pub use recovery::{Recoverable, what_it_opens};
pub use restore::{
    Checking, DrillError, Drilled, Fetched, MOMENT, Moment, RecordsSetBack, RestoreError, Restored, finish_restore,
    is_unfinished,
};
pub use retention::Obstacles;
pub use rights::{Erasure, Hold, Objection, Proposal};
pub use root::RootError;
pub use rotate::RotateError;
pub use rotation::{AtEpoch, Done, Pass, PassError, Rotation, Step, Waits};
pub use snapshot::Snapshot;
pub use store::Store;
pub use transactions::Transaction;
pub use writer::{Pending, Work, WorkError};

use coffre_core::crypto::{Scope, SecretKey};
use coffre_core::ids::SubjectId;
use coffre_core::keyset::{Keyset, SubjectKeys};
use coffre_core::record::RecordTypeName;

/// The keys of a subject, from its key and place, and the secrets of the epochs.
const fn subject_keys<'k>(
    scope: &'k Scope,
    keys: &'k Keyset,
    record_type: &'k RecordTypeName,
    subject: SubjectId,
    key: &'k SecretKey,
) -> SubjectKeys<'k> {
    SubjectKeys { scope, subject, record_type, key, epochs: &keys.epochs }
}
