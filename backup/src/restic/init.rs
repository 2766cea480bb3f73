//! Creates a repository, when asked to.

use super::{Exit, Failure, Repository, Restic, arguments};
use crate::observer::Observer;

impl Restic {
    /// Creates the repository. The place must be there; a repository that exists is left alone.
    pub fn init(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<(), Failure> {
        // Version 2 of the format: the one in which compression can be left off.
        let arguments = arguments(["init", "--repository-version", "2"]);
        self.run(repository, arguments, None, &mut |_, _| {}, observer)
    }

    /// The same for one that copies of another's snapshots go to: files are cut alike in both, so that what is in
    /// common is stored once.
    pub fn init_like(
        &self,
        repository: &Repository,
        like: &Repository,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let arguments = arguments(["init", "--repository-version", "2", "--copy-chunker-params"]);
        let ended = self.run_beside(repository, like, arguments, &mut |_, _| {}, observer)?;
        match ended.exit {
            Exit::Code(0) => Ok(()),
            exit => Err(self.classify(exit, &ended.stderr, repository)),
        }
    }

    /// Whether there is a repository that the password opens. Takes no lock.
    pub fn is_there(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<bool, Failure> {
        let arguments = arguments(["cat", "config", "--no-lock"]);
        match self.run(repository, arguments, None, &mut |_, _| {}, observer) {
            Ok(()) => Ok(true),
            Err(Failure::NoRepository { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
