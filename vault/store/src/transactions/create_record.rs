//! Creating a record, with the key of its data subject.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::record::{Fields, RecordTypeName};
use thiserror::Error;

use super::Transaction;
use crate::model::NewSubject;
use crate::writer::{Work, WorkError};

/// Creates a record at version 1.
pub struct CreateRecord {
    /// Its type.
    pub record_type: RecordTypeName,
    /// The new data subject (`Store::new_subject`).
    pub subject: NewSubject,
    /// Its values, already checked against the record type.
    pub fields: Fields,
}

/// A record that was not created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for CreateRecord {
    type Output = SubjectId;
    type Error = CreateError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<SubjectId, CreateError> {
        todo!()
    }
}
