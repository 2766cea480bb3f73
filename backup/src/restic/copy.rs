//! Copies snapshots to a second repository, and looks whether they are there.

use std::ffi::OsString;

use thiserror::Error;

use super::messages::Snapshot;
use super::run::{self, Invocation};
use super::{Exit, Failure, Repository, Restic, Selection, arguments, of_run, password_file};
use crate::observer::{Observer, Progress, Stage};

/// Snapshots that were not copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// Both repositories want one variable, with different values; restic has one environment for both.
    #[error(
        "both repositories need {name}, and it differs: restic gives both one value; copy to another kind of place, or from another host"
    )]
    Credentials {
        /// The variable.
        name: String,
    },
    /// restic says it copied them and they are not there.
    #[error(
        "{missing} snapshots are not in {repository} though restic copied them: run `restic check` on it, then run this again"
    )]
    Unproven {
        /// The repository.
        repository: String,
        /// How many.
        missing: usize,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// Copies what the other one does not have yet, and says how many snapshots that were. They are decrypted and
    /// encrypted anew on their way, so both passwords are needed.
    pub fn copy(
        &self,
        from: &Repository,
        to: &Repository,
        selection: &Selection,
        observer: &mut dyn Observer,
    ) -> Result<usize, CopyError> {
        observer.progress(Progress { stage: Stage::Copying, done: 0, total: 0 });
        for (name, value) in &to.credentials {
            if from.credentials.iter().any(|(other, theirs)| other == name && theirs != value) {
                return Err(CopyError::Credentials { name: name.clone() });
            }
        }
        let wanted = self.select(from, selection, observer)?;
        let missing = missing(&wanted, &self.select(to, selection, observer)?);
        if missing == 0 {
            return Ok(0);
        }
        let mut arguments = arguments(["copy"]);
        arguments.extend(selection.arguments());
        let invocation = self.invocation_beside(to, from, arguments)?;
        let ended = run::run(invocation, &mut |_, _| {}, observer).map_err(|error| of_run(error, self.program()))?;
        if ended.exit != Exit::Code(0) {
            return Err(self.classify(ended.exit, &ended.stderr, to).into());
        }
        match self::missing(&wanted, &self.select(to, selection, observer)?) {
            0 => Ok(missing),
            missing => Err(CopyError::Unproven { repository: to.label(), missing }),
        }
    }

    /// The process that works on a repository beside another one, which it reads.
    pub(super) fn invocation_beside(
        &self,
        repository: &Repository,
        beside: &Repository,
        arguments: Vec<OsString>,
    ) -> Result<Invocation<'_>, Failure> {
        let mut invocation = self.invocation(repository, arguments, None)?;
        invocation.environment.extend([
            (OsString::from("RESTIC_FROM_REPOSITORY"), OsString::from(&beside.location)),
            ("RESTIC_FROM_PASSWORD_FILE".into(), password_file(beside)?.into()),
        ]);
        let credentials = beside.credentials.iter().map(|(name, value)| (name.into(), value.clone()));
        invocation.environment.extend(credentials);
        let options = beside.options.iter().filter(|option| !repository.options.contains(option));
        let options = options.flat_map(|option| ["--option".into(), option.into()]).collect::<Vec<OsString>>();
        invocation.arguments.splice(..0, options);
        Ok(invocation)
    }
}

/// How many of the snapshots have no copy among the others.
fn missing(wanted: &[Snapshot], there: &[Snapshot]) -> usize {
    let has = |snapshot: &&Snapshot| {
        let original = snapshot.original.as_ref().unwrap_or(&snapshot.id);
        there.iter().any(|copy| copy.original.as_ref() == Some(original) || copy.id == *original)
    };
    wanted.len() - wanted.iter().filter(has).count()
}
