//! Removes the data that no snapshot needs any more. Locks the repository for as long as it takes.

use thiserror::Error;

use super::lines::Lines;
use super::{Exit, Failure, Repository, Restic, arguments};
use crate::observer::{Observer, Progress, Stage};

/// What was removed and what is left, in restic's own figures: no version says it otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Such as `6 blobs / 1.058 KiB`.
    pub removed: Option<String>,
    /// The same of what is left.
    pub remaining: Option<String>,
}

/// Data that was not removed.
#[derive(Debug, Error)]
pub enum PruneError {
    /// The repository did not let go of it. Some versions of restic call that a success.
    #[error(
        "{repository} kept data that it was to remove: with this credential it is append-only; run this with the one that may remove, see [backup.restic.maintenance]"
    )]
    NotRemoved {
        /// The repository.
        repository: String,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// Removes what nothing needs, or only says how much that would be.
    pub fn prune(
        &self,
        repository: &Repository,
        dry_run: bool,
        observer: &mut dyn Observer,
    ) -> Result<Pruned, PruneError> {
        observer.progress(Progress { stage: Stage::Pruning, done: 0, total: 0 });
        let mut arguments = arguments(["prune"]);
        if dry_run {
            arguments.push("--dry-run".into());
        }
        let (mut lines, mut pruned) = (Lines::default(), Pruned::default());
        let ended = self.run_to_end(
            repository,
            arguments,
            None,
            &mut |piece, _| lines.push(piece, |line| pruned.line(line)),
            observer,
        )?;
        lines.finish(|line| pruned.line(line));
        let kept = ended.stderr.contains("unable to remove") || ended.stderr.contains("403 Forbidden");
        match ended.exit {
            _ if kept => Err(PruneError::NotRemoved { repository: repository.label() }),
            Exit::Code(0) => Ok(pruned),
            exit => Err(self.classify(exit, &ended.stderr, repository).into()),
        }
    }
}

impl Pruned {
    fn line(&mut self, line: &str) {
        let figure = |rest: &str| Some(rest.trim().to_owned());
        if let Some(rest) = line.strip_prefix("total prune:") {
            self.removed = figure(rest);
        } else if let Some(rest) = line.strip_prefix("remaining:") {
            self.remaining = figure(rest);
        }
    }
}
