//! Why a repository was not looked after.

use thiserror::Error;

use crate::ending::{Ending, Ends};
use crate::lock::LockError;
use crate::restic::{CheckError, CopyError, Failure, ForgetError, PruneError, UnlockError};
use crate::state::StateError;

/// Work on a repository that was not done.
#[derive(Debug, Error)]
pub enum MaintenanceError {
    /// Other such work is under way.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is remembered cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// restic cannot be used.
    #[error(transparent)]
    Restic(#[from] Failure),
    /// Snapshots were not removed.
    #[error(transparent)]
    Forget(#[from] ForgetError),
    /// Data was not removed.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// Snapshots were not copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The repository is not in order.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Locks were not removed.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

impl Ends for MaintenanceError {
    fn ending(&self) -> Ending {
        match self {
            Self::Lock(error) => error.ending(),
            Self::State(error) => error.ending(),
            Self::Restic(failure) => failure.ending(),
            Self::Forget(error) => error.ending(),
            Self::Prune(error) => error.ending(),
            Self::Copy(error) => error.ending(),
            Self::Check(error) => error.ending(),
            Self::Unlock(error) => error.ending(),
        }
    }
}

impl Ends for ForgetError {
    fn ending(&self) -> Ending {
        match self {
            Self::NoRule | Self::Everything | Self::NotRemoved { .. } => Ending::Usage,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for PruneError {
    fn ending(&self) -> Ending {
        match self {
            Self::NotRemoved { .. } => Ending::Usage,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for CopyError {
    fn ending(&self) -> Ending {
        match self {
            Self::Credentials { .. } => Ending::Usage,
            Self::Unproven { .. } => Ending::Tampering,
            Self::Restic(failure) => failure.ending(),
        }
    }
}

impl Ends for UnlockError {
    fn ending(&self) -> Ending {
        match self {
            Self::Unnamed | Self::NotThere { .. } | Self::AlsoLeft { .. } => Ending::Usage,
            Self::InUse { .. } | Self::NotRemoved { .. } => Ending::Busy,
            Self::Restic(failure) => failure.ending(),
        }
    }
}
