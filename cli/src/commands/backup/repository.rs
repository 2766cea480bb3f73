//! Which repository a verb works on, and which snapshots in it are ours.

use std::path::PathBuf;

use clap::Args;
use coffre_backup::maintenance::Upkeep;
use coffre_backup::restic::{Repository, Selection};
use coffre_backup::{other_sources, snapshot};

use super::setting::{RESTIC, ResticArgument};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Protection, Restic};

/// The arguments that such verbs share.
#[derive(Debug, Args)]
pub(crate) struct RepositoryArguments {
    #[command(flatten)]
    pub(super) restic: ResticArgument,
    /// Print one JSON object instead of lines with one at their end
    #[arg(long)]
    pub(super) json: bool,
}

/// What the configuration says of repositories.
pub(super) struct RepositorySetting {
    pub(super) protection: Protection,
    pub(super) restic: Restic,
    pub(super) selection: Selection,
    pub(super) program: Option<PathBuf>,
}

/// With which credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Read, and add.
    Add,
    /// Remove, too.
    Remove,
}

impl RepositorySetting {
    /// Reads the configuration, of a host with a vault or without one.
    pub(super) fn read(global: &Global, restic: &ResticArgument) -> anyhow::Result<Self> {
        let file = configuration::locate(global.config.as_deref(), None)?;
        let missing = |section: &str| {
            let cause = format!("{} has no section {section}", file.display());
            Complaint::usage(cause, "add one, see docs/OPERATIONS.md")
        };
        let protection = Protection::load(&file)?.ok_or_else(|| missing("[backup]"))?;
        let configured = protection.restic.clone().ok_or_else(|| missing("[backup.restic]"))?;
        let names = protection.sources.iter().map(|source| source.name.as_str());
        let mut selection = other_sources::selection(&protection.environment, names);
        if let Some(scope) = &protection.vault {
            selection.hosts.push(snapshot::host(scope));
            selection.tags.push(snapshot::TAG.to_owned());
        }
        if selection.hosts.is_empty() {
            let cause = format!("{} names neither a vault nor a source", file.display());
            return Err(Complaint::usage(cause, "add a [[backup.source]], or pin the vault").into());
        }
        let program = restic.restic.clone().or_else(|| configured.binary.clone());
        Ok(Self { protection, restic: configured, selection, program })
    }

    /// Every repository by name, the first one first.
    pub(super) fn names(&self) -> Vec<&str> {
        std::iter::once(RESTIC).chain(self.restic.copies().map(|(name, _)| name)).collect()
    }

    /// The repository of this name.
    pub(super) fn open(&self, name: &str, may: May) -> anyhow::Result<Repository> {
        if name == RESTIC {
            return Ok(if may == May::Remove { self.restic.open_for_maintenance() } else { self.restic.open() }?);
        }
        let copy = self.restic.copies().find(|(copy, _)| *copy == name);
        let (_, access) = copy.ok_or_else(|| {
            Complaint::usage(
                format!("there is no repository {name:?}"),
                format!("name one of {}", self.names().join(", ")),
            )
        })?;
        Ok(self.restic.through(access)?)
    }

    /// The work on a repository.
    pub(super) fn upkeep<'a>(&'a self, name: &'a str, repository: &'a Repository) -> Upkeep<'a> {
        Upkeep {
            memory: &self.protection.state,
            name,
            repository,
            restic: self.program.as_deref(),
            selection: &self.selection,
        }
    }
}
