//! Why a source was not backed up, or not restored.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::ending::{Ending, Ends};
use crate::lock::LockError;
use crate::observer::Cancelled;
use crate::restic::{BackupError, Failure, StreamError};
use crate::state::StateError;

/// A source that was not read to its end. There is no snapshot of it then.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no such program.
    #[error("the program {program} was not found: install it, or name it with its folder")]
    Missing {
        /// What was looked for.
        program: String,
    },
    /// The program does not run.
    #[error("{program} does not start: check that this account may execute it")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The command failed. What it wrote until then is no backup.
    #[error("{program} ended with {how} ({said}): no snapshot was made; mend that, then run this again")]
    Ended {
        /// The program.
        program: String,
        /// Its exit code, or the signal that ended it.
        how: String,
        /// What it said first on standard error.
        said: String,
    },
    /// The command ended and something that it started still writes.
    #[error(
        "{program} ended and left a process behind that still writes: no snapshot was made; let it wait for its end"
    )]
    LeftBehind {
        /// The program.
        program: String,
    },
    /// A dump of nothing is no dump.
    #[error("{program} succeeded and wrote nothing: no snapshot was made; check its arguments")]
    Empty {
        /// The program.
        program: String,
    },
    /// Nothing is there, as where a share is not mounted.
    #[error("{} holds no file: no snapshot was made; check that it is mounted, and the path", path.display())]
    NoFiles {
        /// Where it is.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error("the database is damaged ({said}): no snapshot was made; restore it from an earlier one")]
    Integrity {
        /// What SQLite said first.
        said: String,
    },
    /// The source cannot be read.
    #[error("{} cannot be read: check the path, its mount and its permissions", path.display())]
    Source {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no place for the copy of a database.
    #[error("no copy can be made in {} ({source}): make room there, or set `scratch` to a file system in memory", path.display())]
    Scratch {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What has the name of the folder for the copy is not a folder of ours alone.
    #[error(
        "{} is there, and is no folder that this account alone can enter: look who made it, then remove it or set `scratch` to another folder",
        path.display()
    )]
    Taken {
        /// What is there.
        path: PathBuf,
    },
    /// Another run has the folder for the copy.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The recipient is none.
    #[error(
        "the recovery recipient is no age recipient: set `recovery_recipient` to age1…, as `coffre init` prints it"
    )]
    Recipient,
    /// restic does not take what it is given.
    #[error("restic does not take the bytes of the source: look at the repository and its space, then run this again")]
    Sink(#[source] io::Error),
    /// Stopped as asked.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Ends for ReadError {
    fn ending(&self) -> Ending {
        match self {
            Self::Missing { .. } | Self::Start { .. } => Ending::ToolMissing,
            Self::Recipient => Ending::Usage,
            Self::Integrity { .. } => Ending::Tampering,
            Self::Ended { .. } | Self::LeftBehind { .. } | Self::Empty { .. } | Self::Taken { .. } => Ending::Failure,
            Self::Lock(error) => error.ending(),
            Self::Source { .. } | Self::NoFiles { .. } | Self::Scratch { .. } | Self::Sink(_) | Self::Cancelled(_) => {
                Ending::Temporary
            }
        }
    }
}

/// A source that was not backed up, or not well.
#[derive(Debug, Error)]
pub enum SourceRunError {
    /// A run of it is under way.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is remembered cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// It is sensitive and there is nobody to encrypt it to.
    #[error(
        "the source is sensitive and no recovery recipient is set: set `recovery_recipient` in [backup], or declare it `sensitive = false`"
    )]
    NoRecipient,
    /// It was not read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Some files of the folder are not in the snapshot as they were.
    #[error(
        "{lacking} files were open exclusively, changed, or could not be read: the snapshot {snapshot} was made without them or with half a change; run this again when nobody works there"
    )]
    Lacking {
        /// How many.
        lacking: usize,
        /// The snapshot, which is there and does not count as good.
        snapshot: String,
        /// Which, and why.
        contents: super::Contents,
    },
    /// restic stored another size.
    #[error("restic stored {stored} bytes of {given}: run this again; if it happens again, check the repository")]
    Size {
        /// What it says.
        stored: u64,
        /// What it was given.
        given: u64,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
    /// The snapshot failed.
    #[error(transparent)]
    Snapshot(#[from] BackupError),
}

impl From<StreamError<ReadError>> for SourceRunError {
    fn from(error: StreamError<ReadError>) -> Self {
        match error {
            StreamError::Source(error) => Self::Read(error),
            StreamError::Size { stored, given } => Self::Size { stored, given },
            StreamError::Snapshot(error) => Self::Snapshot(error),
        }
    }
}

impl Ends for SourceRunError {
    fn ending(&self) -> Ending {
        match self {
            Self::Lock(error) => error.ending(),
            Self::State(error) => error.ending(),
            Self::NoRecipient => Ending::Usage,
            Self::Read(error) => error.ending(),
            Self::Lacking { .. } | Self::Size { .. } => Ending::Failure,
            Self::Restic(failure) => failure.ending(),
            Self::Snapshot(error) => error.ending(),
        }
    }
}

/// A source that was not restored.
#[derive(Debug, Error)]
pub enum SourceRestoreError {
    /// There is no snapshot of it.
    #[error("{repository} holds no snapshot of {source_name}: check the environment and the name")]
    None {
        /// The repository.
        repository: String,
        /// The source.
        source_name: String,
    },
    /// The folder to restore to is in use.
    #[error("{} is there and not empty: name a new folder, nothing is restored over anything", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// It is encrypted and no identity was given.
    #[error(
        "the source is encrypted: name the recovery identity with --identity FILE, or each share of it with --share FILE"
    )]
    NoIdentity,
    /// The identity is another one's, or the bytes were changed or cut off.
    #[error("the source does not open: use the recovery identity of its recipient, or take another snapshot")]
    Opens {
        /// Why.
        #[source]
        source: age::DecryptError,
    },
    /// The files cannot be written, or what was encrypted does not come to its end.
    #[error("{} cannot be written to its end: make room, or take another snapshot", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// restic gave another size than it says it has, and called that a success.
    #[error(
        "restic gave {came} bytes of {stored}: nothing was restored; run this again, and if it happens again check the repository (`coffre backup check`)"
    )]
    Size {
        /// What came.
        came: u64,
        /// What it says.
        stored: u64,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Ends for SourceRestoreError {
    fn ending(&self) -> Ending {
        match self {
            Self::None { .. } | Self::Size { .. } => Ending::Failure,
            Self::NotEmpty { .. } | Self::NoIdentity => Ending::Usage,
            Self::Opens { source: age::DecryptError::NoMatchingKeys } => Ending::WrongKey,
            Self::Opens { .. } => Ending::Tampering,
            Self::Write { .. } => Ending::Temporary,
            Self::Restic(failure) => failure.ending(),
        }
    }
}
