//! Making a former version of a record the current one again, as a new version.

use std::collections::BTreeSet;

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, RecordTypeName};
use thiserror::Error;

use super::Transaction;
use super::amend_record::{Looked, differing, write_next};
use crate::writer::{Work, WorkError};
use crate::{subject_keys, values};

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
    /// The fields that may change: those over which it was decided.
    pub fields: BTreeSet<FieldPath>,
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
    /// It would change more than what may change.
    #[error("the version differs in fields that were not decided over: change the record instead")]
    Beyond {
        /// The fields.
        fields: Vec<FieldPath>,
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

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<u32, RestoreError> {
        let current = work.record(&self.record_type, self.subject)?.ok_or(RestoreError::NoSuchRecord)?.version;
        if current != self.expected_version {
            return Err(RestoreError::Stale { current });
        }
        if self.version == 0 || self.version > current {
            return Err(RestoreError::NoSuchVersion { version: self.version });
        }
        let key = work.subject_key(&self.record_type, self.subject)?;
        let keys = subject_keys(work.around.scope, work.around.keys, &self.record_type, self.subject, &key);
        let before = work.try_run(values::all_at(work.around.vault, &keys, current))?;
        let after = work.try_run(values::all_at(work.around.vault, &keys, self.version))?;
        let beyond: Vec<FieldPath> = differing(&before, &after).difference(&self.fields).cloned().collect();
        if !beyond.is_empty() {
            return Err(RestoreError::Beyond { fields: beyond });
        }
        Ok(write_next(work, &keys, (&before, &after), current, Looked::default(), base)?)
    }
}
