//! Giving and withdrawing grants.

use coffre_core::audit::Draft;
use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::RecordTypeName;
use thiserror::Error;

use super::Transaction;
use crate::writer::{Work, WorkError};

/// Gives a grant on a record.
pub struct GiveGrant {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// What the grant says, already checked against the policies.
    pub terms: GrantTerms,
}

/// A grant that was not given.
#[derive(Debug, Error)]
pub enum GiveGrantError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The evidence is not a document of this record, or its hash is another.
    #[error("the evidence is not a document of this record with this hash")]
    Evidence,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for GiveGrant {
    type Output = Grant;
    type Error = GiveGrantError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<Grant, GiveGrantError> {
        todo!()
    }
}

/// Withdraws a grant: it binds every decision committed after it.
pub struct WithdrawGrant {
    /// The grant.
    pub grant: GrantId,
}

/// A grant that was not withdrawn.
#[derive(Debug, Error)]
pub enum WithdrawGrantError {
    /// There is no such grant.
    #[error("there is no such grant")]
    NoSuchGrant,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for WithdrawGrant {
    /// The withdrawn grant; as it was when it had been withdrawn before.
    type Output = Grant;
    type Error = WithdrawGrantError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<Grant, WithdrawGrantError> {
        todo!()
    }
}
