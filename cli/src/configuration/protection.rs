//! What looking after repositories and backing up other sources needs of a configuration. On the host of a source there
//! is no vault, so nothing of one is asked for there: an environment, and a `[backup]` without a spool.

use std::path::{Path, PathBuf};

use coffre_backup::other_sources::OtherSource;
use coffre_core::crypto::Scope;
use coffre_core::ids::Environment;
use serde::Deserialize;

use super::notify::Notify;
use super::restic::Restic;
use super::schedule::Schedule;
use super::source::{self, Source};
use super::{Configuration, ConfigurationError, folder_of, joined, text_of};

/// The part of a configuration that such hosts share with the vault's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Protection {
    /// The environment.
    pub(crate) environment: Environment,
    /// The vault that is backed up from here, if there is one.
    pub(crate) vault: Option<Scope>,
    /// Locks, and what is remembered.
    pub(crate) state: PathBuf,
    /// The repository.
    pub(crate) restic: Option<Restic>,
    /// Whom sensitive sources are encrypted to.
    pub(crate) recipient: Option<String>,
    /// The sources on this host.
    pub(crate) sources: Vec<OtherSource>,
    /// What runs by itself.
    pub(crate) schedule: Schedule,
    /// Who is told.
    pub(crate) notify: Notify,
}

/// Jobs that a host without a vault can do.
const JOBS: [&str; 7] = ["sources", "copy", "check", "forget", "prune", "heartbeat", "report"];

/// The whole file of a host without a vault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithoutVault {
    environment: Environment,
    backup: BackupWithoutVault,
    #[serde(default)]
    schedule: Schedule,
    #[serde(default)]
    notify: Notify,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupWithoutVault {
    state: PathBuf,
    restic: Option<Restic>,
    recovery_recipient: Option<String>,
    #[serde(default, rename = "source")]
    sources: Vec<Source>,
}

impl Protection {
    /// Reads the file, of a host with a vault or without one; none where there is no section `[backup]`.
    pub(crate) fn load(file: &Path) -> Result<Option<Self>, ConfigurationError> {
        let text = text_of(file)?;
        // Whoever pins anything of a vault means all of it.
        let pins =
            |table: &toml::Table| ["vault_id", "verification_key", "vault"].iter().any(|key| table.contains_key(*key));
        if text.parse::<toml::Table>().is_ok_and(|table| !pins(&table)) {
            return Self::without_vault(&text, file, &folder_of(file)?).map(Some);
        }
        let configuration = Configuration::load(file)?;
        let vault = Some(configuration.pinned().scope);
        let Some(backup) = configuration.backup else { return Ok(None) };
        Ok(Some(Self {
            environment: configuration.environment,
            vault,
            state: backup.state().to_owned(),
            sources: backup.sources(),
            restic: backup.restic,
            recipient: backup.recovery_recipient,
            schedule: configuration.schedule,
            notify: configuration.notify,
        }))
    }

    fn without_vault(text: &str, file: &Path, folder: &Path) -> Result<Self, ConfigurationError> {
        let WithoutVault { environment, mut backup, schedule, mut notify } =
            toml::from_str(text).map_err(|error| ConfigurationError::syntax(file, text, &error))?;
        let contradiction = |reason| ConfigurationError::Contradiction { file: file.to_owned(), reason };
        backup.restic.as_ref().map_or(Ok(()), Restic::check).map_err(contradiction)?;
        source::check(&backup.sources).map_err(contradiction)?;
        notify.check().map_err(contradiction)?;
        if !schedule.rows().iter().all(|row| JOBS.contains(&row.job.name)) {
            return Err(contradiction(
                "[schedule.jobs] has a job that needs a vault, and none is pinned; \
                 use sources, copy, check, forget, prune, heartbeat or report",
            ));
        }
        notify.paths_from(folder);
        if let Some(restic) = &mut backup.restic {
            restic.paths_from(folder);
        }
        backup.sources.iter_mut().for_each(|source| source.paths_from(folder));
        Ok(Self {
            environment,
            vault: None,
            state: joined(folder, &backup.state),
            restic: backup.restic,
            recipient: backup.recovery_recipient,
            sources: backup.sources.iter().filter_map(Source::known).collect(),
            schedule,
            notify,
        })
    }
}
