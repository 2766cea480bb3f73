//! Erasing a data subject by destroying its key (crypto-shredding).

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::RecordTypeName;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};

/// Replaces the subject's key by a tombstone and removes its values, documents and index rows.
/// Whether it may be erased (holds, retention) is decided by the caller.
pub struct EraseSubject {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
}

/// A record that was not erased.
#[derive(Debug, Error)]
pub enum EraseError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for EraseSubject {
    type Output = ();
    type Error = EraseError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<(), EraseError> {
        todo!()
    }
}
