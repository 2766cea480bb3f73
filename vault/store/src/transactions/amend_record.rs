//! Changing a record's values. The former version stays readable and restorable.

use std::collections::BTreeMap;

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, RecordTypeName};
use serde_json::Value;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};

/// Changes some fields of a record, if it still has the version that the caller saw.
pub struct AmendRecord {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The version the change was made against (`If-Match`).
    pub expected_version: u32,
    /// The new values; `None` removes a field. Already checked against the record type.
    pub changes: BTreeMap<FieldPath, Option<Value>>,
}

/// A record that was not changed.
#[derive(Debug, Error)]
pub enum AmendError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
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

impl Transaction for AmendRecord {
    /// The new version; the old one when nothing changed.
    type Output = u32;
    type Error = AmendError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<u32, AmendError> {
        todo!()
    }
}
