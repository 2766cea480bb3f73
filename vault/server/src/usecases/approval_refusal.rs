//! Why officers were not enrolled, or something does not take effect without them.

use coffre_core::approval::{OfficerError, OfficersError};
use coffre_store::transactions::{AlreadyEnrolled, ApproveError, EnactError, HandInRefusal};
use thiserror::Error;

use super::failure::{Failure, below};

/// Policies that a vault with officers does not go by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PoliciesNotApproved {
    /// None were approved yet.
    #[error(
        "no policies are approved in this vault, which has officers (policy set {found}): have two of them sign these, see `coffre approve policies`"
    )]
    None {
        /// The hash of these.
        found: String,
    },
    /// Others were approved.
    #[error(
        "these policies are not those that officers approved last (policy set {found}, approved is number {serial}, {approved}): put the approved ones back, or have two officers sign these, see `coffre approve policies`"
    )]
    Others {
        /// The hash of these.
        found: String,
        /// The number of those approved.
        serial: u64,
        /// Their hash.
        approved: String,
    },
    /// The policies are those approved, the environments are not.
    #[error(
        "the files in environments/ are not those that officers approved last (hash {found}, approved with number {serial} is {approved}): put the approved ones back, or have two officers sign these, see `coffre approve policies`"
    )]
    Environments {
        /// The hash of these.
        found: String,
        /// The number of those approved.
        serial: u64,
        /// Their hash.
        approved: String,
    },
}

/// Something that waits for officers, or that they alone may do.
#[derive(Debug, Error)]
pub(crate) enum ApprovalRefusal {
    /// The application.
    #[error(
        "officers have not approved this application, so it has no effect yet: have two of them sign it, see `coffre approve application`"
    )]
    Application {
        /// The index of the log entry.
        entry: u64,
    },
    /// The policies.
    #[error(transparent)]
    Policies(#[from] PoliciesNotApproved),
    /// Text that names no officer.
    #[error(transparent)]
    Officer(#[from] OfficerError),
    /// Officers who are no set of officers.
    #[error(transparent)]
    Officers(#[from] OfficersError),
    /// They were enrolled before.
    #[error("{refusal}")]
    Enrolled {
        /// Why.
        refusal: AlreadyEnrolled,
        /// The index of the log entry.
        entry: u64,
    },
    /// A note that does not take effect.
    #[error("{refusal}")]
    HandIn {
        /// Why.
        refusal: HandInRefusal,
        /// The index of the log entry.
        entry: u64,
    },
}

impl From<ApprovalRefusal> for Failure {
    fn from(refusal: ApprovalRefusal) -> Self {
        Self::Approval(refusal)
    }
}

impl From<ApproveError> for Failure {
    fn from(error: ApproveError) -> Self {
        match error {
            ApproveError::Store(error) => below(&error),
        }
    }
}

impl From<EnactError> for Failure {
    fn from(error: EnactError) -> Self {
        match error {
            EnactError::NotApproved => Self::Contended,
            EnactError::Store(error) => below(&error),
        }
    }
}
