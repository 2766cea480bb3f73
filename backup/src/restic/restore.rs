//! Fetches files of a snapshot into a folder. Whether they are the right ones is not known here.

use std::ffi::OsString;
use std::path::Path;

use thiserror::Error;

use super::lines::Lines;
use super::messages::{self, Message};
use super::{Exit, Failure, Repository, Restic, arguments};
use crate::observer::{Observer, Progress, Stage};

/// Files that were not fetched.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// No room for them.
    #[error(
        "{folder} has no room for what is to be fetched, which takes {needed} bytes free: make room there, then run this again"
    )]
    Full {
        /// Where they are fetched to.
        folder: String,
        /// What is to be free.
        needed: u64,
    },
    /// Some files could not be fetched.
    #[error("restic could not fetch {errors} files: check space and permissions of the target, then run this again")]
    Incomplete {
        /// How many.
        errors: u64,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// Fetches the files of a snapshot that patterns include; paths begin with `/` at the snapshot's
    /// root. No pattern includes all.
    pub fn restore(
        &self,
        repository: &Repository,
        snapshot: &str,
        target: &Path,
        include: &[String],
        observer: &mut dyn Observer,
    ) -> Result<(), RestoreError> {
        let mut arguments = arguments(["restore", "--no-lock"]);
        if self.version.capabilities().json_restore {
            arguments.push("--json".into());
        }
        arguments.extend(["--target".into(), target.into()]);
        arguments.extend(include.iter().flat_map(|pattern| [OsString::from("--include"), pattern.into()]));
        arguments.extend(["--".into(), snapshot.into()]);
        observer.progress(Progress { stage: Stage::Fetching, done: 0, total: 0 });
        let mut lines = Lines::default();
        let mut errors = 0;
        let ended = self.run_to_end(
            repository,
            arguments,
            None,
            &mut |piece, observer| {
                lines.push(piece, |line| match messages::parse_line(line) {
                    Some(Message::Status(status)) => observer.progress(Progress {
                        stage: Stage::Fetching,
                        done: status.bytes_restored,
                        total: status.total_bytes,
                    }),
                    Some(Message::Error(_)) => errors += 1,
                    _ => {}
                });
            },
            observer,
        )?;
        match ended.exit {
            Exit::Code(0) if errors == 0 => Ok(()),
            Exit::Code(0) => Err(RestoreError::Incomplete { errors }),
            exit => Err(self.classify(exit, &ended.stderr, repository).into()),
        }
    }
}
