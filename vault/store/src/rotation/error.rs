//! Why a rotation of the data could not go on. It is tried again: nothing is lost by it.

use std::convert::Infallible;

use thiserror::Error;

use crate::error::{CommitError, ReadError, StageError, Unavailable};

/// A step that was not taken.
#[derive(Debug, Error)]
pub enum PassError {
    /// The vault takes no writes at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A document could not be written.
    #[error("a document could not be encrypted anew; it is tried again")]
    Stage(#[from] StageError),
    /// Former files could not be removed.
    #[error("former files of documents could not be removed: check the permissions of the documents folder")]
    Remove(#[source] std::io::Error),
    /// It was told to stop.
    #[error("it was told to stop; the next start goes on")]
    Stopped,
}

impl From<CommitError<Infallible>> for PassError {
    fn from(error: CommitError<Infallible>) -> Self {
        match error {
            CommitError::Unavailable(cause) => Self::Unavailable(cause),
            CommitError::Moved | CommitError::NotCovered => Self::Unavailable(Unavailable::Stopping),
            CommitError::Refused(never) => match never {},
        }
    }
}
