//! Checks a repository, as restic sees it. What the stored manifests say is `verify`'s.

use thiserror::Error;

use super::{Exit, Failure, Repository, Restic, arguments};
use crate::observer::{Observer, Progress, Stage};

/// How much of the repository's data is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadData {
    /// None: structure and indexes only.
    No,
    /// All of it.
    All,
    /// One of several parts, which together are all of it.
    Part {
        /// Which, from 1.
        part: u8,
        /// Of how many.
        of: u8,
    },
}

/// A repository that is not in order.
#[derive(Debug, Error)]
pub enum CheckError {
    /// restic found damage.
    #[error(
        "restic finds the repository damaged ({first}): keep it as it is, see `restic check`, and make a new repository beside it"
    )]
    Damaged {
        /// What it said first.
        first: String,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// Checks a repository; an error says what is wrong with it.
    pub fn check(
        &self,
        repository: &Repository,
        read_data: ReadData,
        observer: &mut dyn Observer,
    ) -> Result<(), CheckError> {
        observer.progress(Progress { stage: Stage::Checking, done: 0, total: 0 });
        let mut arguments = arguments(["check"]);
        match read_data {
            ReadData::No => {}
            ReadData::All => arguments.push("--read-data".into()),
            ReadData::Part { part, of } => arguments.push(format!("--read-data-subset={part}/{of}").into()),
        }
        let ended = self.run_to_end(repository, arguments, None, &mut |_, _| {}, observer)?;
        match ended.exit {
            Exit::Code(0) => Ok(()),
            exit => match self.classify(exit, &ended.stderr, repository) {
                // 1 is damage here, as long as nothing else explains it.
                Failure::Failed { code: 1, message } => Err(self.damage(repository, message, observer)),
                failure => Err(failure.into()),
            },
        }
    }

    /// What was found, if the place can be read: one that was lost on the way looks like a damaged one.
    fn damage(&self, repository: &Repository, first: String, observer: &mut dyn Observer) -> CheckError {
        match self.is_there(repository, observer) {
            Ok(false) => Failure::NoRepository { repository: repository.label() }.into(),
            Err(failure @ (Failure::Unreachable { .. } | Failure::Cancelled(_))) => failure.into(),
            Ok(true) | Err(_) => CheckError::Damaged { first },
        }
    }
}
