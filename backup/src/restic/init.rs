//! Creates a repository, when asked to.

use super::run::{self, RunError};
use super::{Exit, Failure, Repository, Restic, arguments, of_run};
use crate::lock::Lock;
use crate::observer::Observer;

/// Whoever creates a repository has this lock, in the folder of what is remembered.
pub(crate) const INIT_LOCK: &str = "init.lock";

impl Restic {
    /// Creates the repository. The place must be there; a repository that exists is left alone.
    pub fn init(&self, repository: &Repository, observer: &mut dyn Observer) -> Result<(), Failure> {
        self.create(repository, None, None, observer)
    }

    /// Creates the repository if it is not there, which is looked at under the lock. Two that do so at once spoil it: each
    /// makes a key, and only one of them opens what comes of it. So restic has the lock, too, and goes on having it when
    /// whoever started it is killed.
    ///
    /// One that copies of another's snapshots go to is made like that: files are cut alike in both, so that what is in
    /// common is stored once.
    pub(crate) fn init_if_absent(
        &self,
        repository: &Repository,
        like: Option<&Repository>,
        lock: &Lock,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        if self.is_there(repository, observer)? {
            return Ok(());
        }
        self.create(repository, like, Some(lock), observer)
    }

    fn create(
        &self,
        repository: &Repository,
        like: Option<&Repository>,
        lock: Option<&Lock>,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let failed = |error| of_run(error, self.program());
        // Version 2 of the format: the one in which compression can be left off.
        let mut arguments = arguments(["init", "--repository-version", "2"]);
        let mut invocation = match like {
            None => self.invocation(repository, arguments, None)?,
            Some(like) => {
                arguments.push("--copy-chunker-params".into());
                self.invocation_beside(repository, like, arguments)?
            }
        };
        invocation.lock = lock.map(Lock::share).transpose().map_err(|source| failed(RunError::Start(source)))?;
        let ended = run::run(invocation, &mut |_, _| {}, observer).map_err(failed)?;
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
