//! Adding and revoking applications. A token is stored as its SHA-256 only.

use coffre_core::audit::Draft;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use thiserror::Error;

use super::Transaction;
use crate::model::Application;
use crate::writer::{Work, WorkError};

/// Adds an application.
pub struct AddApplication {
    /// Its name: 1 to 64 of a-z, 0-9 and '-'.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// SHA-256 of its token; a token is 256 random bits, so a plain hash suffices.
    pub token_hash: [u8; 32],
}

/// An application that was not added.
#[derive(Debug, Error)]
pub enum AddApplicationError {
    /// The name does not follow its rule.
    #[error("not an application name: use 1 to 64 of a-z, 0-9 and '-', starting with a letter")]
    Name,
    /// The name is taken.
    #[error("an application of this name is there already: choose another name, or revoke it first")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AddApplication {
    type Output = Application;
    type Error = AddApplicationError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<Application, AddApplicationError> {
        todo!()
    }
}

/// Revokes an application: its token opens nothing from this entry on.
pub struct RevokeApplication {
    /// Its name.
    pub name: String,
}

/// An application that was not revoked.
#[derive(Debug, Error)]
pub enum RevokeApplicationError {
    /// There is no such application in force.
    #[error("there is no application of this name in force: see `coffre application list`")]
    NoSuchApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for RevokeApplication {
    type Output = ApplicationId;
    type Error = RevokeApplicationError;

    fn run(self, _work: &mut Work<'_>, _base: Draft) -> Result<ApplicationId, RevokeApplicationError> {
        todo!()
    }
}
