//! Why a restore was not planned, or not carried to its end.

use std::io;

use coffre_core::spool::{Fault, NoPoint};
use thiserror::Error;

use crate::destination::SourceError;
use crate::lock::LockError;
use crate::observer::Cancelled;

/// No plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A place cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no point to restore.
    #[error(transparent)]
    NoPoint(#[from] NoPoint),
    /// Documents of the point are missing, or their list is damaged.
    #[error("{} documents of the restore point are at fault, the first: {first}", count)]
    Documents {
        /// How many.
        count: usize,
        /// The first of them.
        first: Fault,
    },
    /// The newest state cannot be had, and the log, withdrawals and restrictions come from there.
    #[error(
        "the newest state of the log, withdrawals, restrictions and holds cannot be had ({source}): look at another \
         destination, or go on with what can be had by --accept-lost-log, which the restored log will tell"
    )]
    NewestLost {
        /// What stands in the way.
        source: Box<PlanError>,
    },
}

/// A restore that did not reach its end. What is in place stays, and the next run goes on from there.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The directory holds something else.
    #[error("{directory} is not empty: name an empty directory, or one that is not there yet")]
    NotEmpty {
        /// The directory.
        directory: String,
    },
    /// The directory holds the beginning of another restore.
    #[error("{directory} holds the beginning of a restore of another point ({point}): name an empty directory")]
    OtherPoint {
        /// The directory.
        directory: String,
        /// The generation and number it was begun for.
        point: String,
    },
    /// Another process restores into it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An object is not what its manifest says.
    #[error("the backup is damaged: {fault}")]
    Fault {
        /// What is wrong.
        fault: Fault,
    },
    /// A place cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No space.
    #[error("{directory} is full: the restore needs {needed} bytes; make room, then run the same command again")]
    Full {
        /// The directory.
        directory: String,
        /// What the whole restore needs.
        needed: u64,
    },
    /// The system refused.
    #[error("{path} cannot be written ({source}): check the disk and its permissions, then run the same command again")]
    Io {
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
