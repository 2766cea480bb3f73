//! Takes snapshots out of the list, by rules. The data that nothing needs any more is `prune`'s.
//!
//! restic is asked first what the rules would remove, and then to remove exactly that. Whether it did is looked up, not
//! believed: on an append-only repository 0.14 ends with 1, 0.18 with 0 and 0.19 with 3, and nothing is removed.

use std::ffi::OsString;

use thiserror::Error;

use super::messages::{ForgetGroup, Snapshot};
use super::{Exit, Failure, Repository, Restic, Retention, arguments};
use crate::observer::Observer;

/// How many snapshots one command line names.
const AT_ONCE: usize = 200;

/// The snapshots that a verb is about: those of these hosts with one of these tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The hosts that they are filed under; at least one.
    pub hosts: Vec<String>,
    /// Their tags; at least one.
    pub tags: Vec<String>,
}

impl Selection {
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let hosts = self.hosts.iter().flat_map(|host| ["--host".into(), host.into()]);
        let tags = self.tags.iter().flat_map(|tag| ["--tag".into(), tag.into()]);
        hosts.chain(tags)
    }
}

/// What the rules keep and what they remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Kept.
    pub kept: Vec<Snapshot>,
    /// Removed, or to be removed.
    pub removed: Vec<Snapshot>,
}

impl Forgotten {
    /// Has some stay that the rules would remove.
    pub(crate) fn keep(&mut self, stays: impl Fn(&Snapshot) -> bool) {
        let (stay, remove): (Vec<_>, Vec<_>) = std::mem::take(&mut self.removed).into_iter().partition(stays);
        self.removed = remove;
        self.kept.extend(stay);
    }
}

/// Snapshots that were not removed.
#[derive(Debug, Error)]
pub enum ForgetError {
    /// There are no rules.
    #[error("there is no rule of what to keep: set [backup.restic.keep] in coffre.toml")]
    NoRule,
    /// A rule would leave nothing of a host.
    #[error("the rules of [backup.restic.keep] would leave no snapshot: nothing was removed; keep more")]
    Everything,
    /// The repository did not let go of them.
    #[error(
        "{repository} kept {left} of {asked} snapshots that it was to remove: with this credential it is append-only; run this with the one that may remove, see [backup.restic.maintenance]"
    )]
    NotRemoved {
        /// The repository.
        repository: String,
        /// How many are still there.
        left: usize,
        /// Of how many.
        asked: usize,
    },
    /// restic failed.
    #[error(transparent)]
    Restic(#[from] Failure),
}

impl Restic {
    /// What the rules would remove. Takes no lock and changes nothing.
    pub fn plan_forget(
        &self,
        repository: &Repository,
        selection: &Selection,
        retention: &Retention,
        observer: &mut dyn Observer,
    ) -> Result<Forgotten, ForgetError> {
        if retention.is_empty() {
            return Err(ForgetError::NoRule);
        }
        // By host alone: where the spool lies, and so the path, may change.
        let mut arguments = arguments(["forget", "--json", "--dry-run", "--no-lock", "--group-by", "host"]);
        arguments.extend(selection.arguments());
        arguments.extend(retention.arguments());
        let groups: Vec<ForgetGroup> = self.document_or_nothing(repository, arguments, "forget", observer)?;
        let mut planned = Forgotten::default();
        for group in groups {
            let (keep, remove) = (group.keep.unwrap_or_default(), group.remove.unwrap_or_default());
            if keep.is_empty() && !remove.is_empty() {
                return Err(ForgetError::Everything);
            }
            planned.kept.extend(keep);
            planned.removed.extend(remove);
        }
        Ok(planned)
    }

    /// Removes the snapshots of a plan, no other, and looks whether they are gone.
    pub fn forget(
        &self,
        repository: &Repository,
        selection: &Selection,
        planned: &Forgotten,
        observer: &mut dyn Observer,
    ) -> Result<(), ForgetError> {
        let mut refused = None;
        for some in planned.removed.chunks(AT_ONCE) {
            let mut arguments = arguments(["forget", "--"]);
            arguments.extend(some.iter().map(|snapshot| OsString::from(&snapshot.id)));
            let ended = self.run_to_end(repository, arguments, None, &mut |_, _| {}, observer)?;
            match ended.exit {
                Exit::Code(0) => {}
                exit => refused = Some(self.classify(exit, &ended.stderr, repository)),
            }
            if refused.is_some() {
                break;
            }
        }
        let left = match refused {
            None | Some(Failure::Failed { code: 1 | 3, .. }) => {
                self.still_there(repository, selection, planned, observer)?
            }
            Some(failure) => return Err(failure.into()),
        };
        let asked = planned.removed.len();
        match (left, refused) {
            (0, None) => Ok(()),
            // What restic complains of, though all is gone, is worth hearing.
            (0, Some(failure)) => Err(failure.into()),
            (left, _) => Err(ForgetError::NotRemoved { repository: repository.label(), left, asked }),
        }
    }

    fn still_there(
        &self,
        repository: &Repository,
        selection: &Selection,
        planned: &Forgotten,
        observer: &mut dyn Observer,
    ) -> Result<usize, Failure> {
        let there = self.select(repository, selection, observer)?;
        let is_there = |removed: &&Snapshot| there.iter().any(|snapshot| snapshot.id == removed.id);
        Ok(planned.removed.iter().filter(is_there).count())
    }

    /// The snapshots of a selection, oldest first.
    pub fn select(
        &self,
        repository: &Repository,
        selection: &Selection,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Snapshot>, Failure> {
        let mut arguments = arguments(["snapshots", "--json", "--no-lock"]);
        arguments.extend(selection.arguments());
        self.document_or_nothing(repository, arguments, "snapshots", observer)
    }
}
