//! Making a former version of a record the current one again, as a new version.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};

/// Writes the values of a former version as a new version.
pub struct RestoreVersion {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The current version that the caller saw (`If-Match`).
    pub expected_version: u32,
    /// The version to restore.
    pub version: u32,
}

/// A version that was not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// There is no such version.
    #[error("the record has no version {version}")]
    NoSuchVersion {
        /// The version asked for.
        version: u32,
    },
    /// Somebody else changed it first.
    #[error("the record is at version {current} now: read it again and repeat the change")]
    Stale {
        /// Its version now.
        current: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for RestoreVersion {
    /// The new version.
    type Output = u32;
    type Error = RestoreError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<u32, RestoreError> {
        todo!()
    }
}
