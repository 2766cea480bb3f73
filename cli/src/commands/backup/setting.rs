//! What the configuration says of backups, as the backup crate wants it: the pinned vault, the spool, and every place
//! that holds copies, by name.

use std::path::PathBuf;

use clap::Args;
use coffre_backup::other_sources::OtherSource;
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::run::Job;
use coffre_backup::ship::Compare;
use coffre_core::spool::Pinned;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Backup, Configuration, Notify, Opened};
use crate::place::Place;
use crate::schedule::Row;

/// The name of the repository among the places.
pub(super) const RESTIC: &str = configuration::Restic::NAME;
/// The name of the spool among the places.
pub(super) const SPOOL: &str = "spool";

/// Which restic.
#[derive(Debug, Args)]
pub(crate) struct ResticArgument {
    /// The restic program; otherwise the one in the configuration, then the one in PATH
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) restic: Option<PathBuf>,
}

/// Everything that the verbs of `coffre backup` work with.
pub(super) struct Setting {
    pub(super) pinned: Pinned,
    pub(super) spool: PathBuf,
    pub(super) spool_limit: Option<u64>,
    pub(super) state: PathBuf,
    pub(super) objective_seconds: i64,
    pub(super) destinations: Vec<(String, Opened)>,
    pub(super) backup_socket: Option<PathBuf>,
    /// What the configuration says of repositories.
    pub(super) repositories: Option<configuration::Restic>,
    /// Other systems on this host.
    pub(super) sources: Vec<OtherSource>,
    /// Who is told.
    pub(super) notify: Notify,
    /// What runs by itself.
    pub(super) rows: Vec<Row>,
    program: Option<PathBuf>,
}

impl Setting {
    /// Reads the configuration.
    pub(super) fn read(global: &Global, restic: &ResticArgument) -> anyhow::Result<Self> {
        let file = configuration::locate(global.config.as_deref(), None)?;
        let configuration = Configuration::load(&file)?;
        let Some(backup) = configuration.backup.clone() else {
            let cause = format!("{} has no section [backup]", file.display());
            return Err(Complaint::usage(cause, "add one, see docs/OPERATIONS.md").into());
        };
        let program = backup.restic.as_ref().and_then(|configured| configured.binary.clone());
        Ok(Self {
            pinned: configuration.pinned(),
            objective_seconds: i64::from(backup.objective_hours) * 3600,
            destinations: destinations(&backup)?,
            program: restic.restic.clone().or(program),
            state: backup.state().to_owned(),
            spool_limit: backup.spool_limit(),
            spool: backup.spool()?.to_owned(),
            sources: backup.sources(),
            repositories: backup.restic.clone(),
            notify: configuration.notify.clone(),
            rows: configuration.schedule.rows(),
            backup_socket: backup_socket(configuration),
        })
    }

    /// The restic program, found and new enough.
    pub(super) fn restic(&self) -> anyhow::Result<Restic> {
        Ok(Restic::find(self.program.as_deref())?)
    }

    /// The repository, if there is one, with the credential that adds. Only whoever goes there needs it.
    pub(super) fn repository(&self) -> Result<Option<Repository>, Complaint> {
        self.repositories.as_ref().map(configuration::Restic::open).transpose()
    }

    /// The run that this setting describes, into its repository.
    pub(super) fn job<'a>(&'a self, repository: Option<&'a Repository>) -> Job<'a> {
        let destinations = self.destinations.iter().map(|(name, place)| (name.clone(), &**place as _)).collect();
        Job {
            spool: &self.spool,
            memory: &self.state,
            pinned: &self.pinned,
            destinations,
            repository: repository.map(|repository| (RESTIC.to_owned(), repository)),
            restic: self.program.as_deref(),
            init: false,
            compare: Compare::Sizes,
            renewed: Vec::new(),
            objective_seconds: self.objective_seconds,
        }
    }
}

fn destinations(backup: &Backup) -> anyhow::Result<Vec<(String, Opened)>> {
    backup.destinations.iter().map(|to| Ok((to.name.clone(), to.open_or_closed()?))).collect()
}

/// None where neither a socket nor a vault is configured: then nothing can be asked of the vault's process.
fn backup_socket(configuration: Configuration) -> Option<PathBuf> {
    let directory = configuration.vault.clone();
    let known = directory.is_some() || configuration.server.backup_socket.is_some();
    let place = Place { directory: directory.unwrap_or_default(), configuration: Some(configuration) };
    known.then(|| place.backup_socket())
}
