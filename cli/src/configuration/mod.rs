//! `coffre.toml`: what a machine knows about its vault and its backups. It holds no secret; files that do are named
//! in it. Arguments go before it, and nothing is guessed that the vault pins: environment, vault id, verification key.

mod audit;
mod backup;
mod credential;
mod destination;
mod error;
mod limits;
mod locate;
mod notify;
mod operators;
mod pin;
mod protection;
mod restic;
mod schedule;
mod server;
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::ids::{Environment, VaultId};
use coffre_core::note::VerificationKey;
use coffre_core::spool::Pinned;
use serde::Deserialize;

pub(crate) use audit::{Audit, DailyHead};
pub(crate) use backup::{Backup, WhenFull, is_local};
pub(crate) use credential::{credential, has_no_credentials};
pub(crate) use destination::{Destination, Opened, Printed};
pub(crate) use error::ConfigurationError;
pub(crate) use limits::{Alerts, CallerBounds};
pub(crate) use locate::{choose, locate};
pub(crate) use notify::{Mail, MailTls, Notify, Webhook};
pub(crate) use operators::Operators;
pub(crate) use pin::{pin, pinned_lines};
pub(crate) use protection::Protection;
pub(crate) use restic::Restic;
pub(crate) use schedule::Schedule;
pub(crate) use server::{ClientCertificates, Server, Tls};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    /// The environment that every key is bound to.
    pub(crate) environment: Environment,
    /// The vault that signatures must be of.
    pub(crate) vault_id: VaultId,
    /// The key that signatures are verified with: pinned here, never taken from a backup.
    pub(crate) verification_key: VerificationKey,
    /// The vault's directory; `--vault` goes before it.
    pub(crate) vault: Option<PathBuf>,
    /// Record types, purposes and Cedar policies.
    pub(crate) policies: Option<PathBuf>,
    /// How the vault is served.
    #[serde(default)]
    pub(crate) server: Server,
    /// How operators are verified.
    pub(crate) operators: Option<Operators>,
    /// How much one caller may ask for.
    #[serde(default)]
    pub(crate) limits: CallerBounds,
    /// What is told as out of the usual.
    #[serde(default)]
    pub(crate) alerts: Alerts,
    /// Who vouches for its log, and where the day's head goes.
    #[serde(default)]
    pub(crate) audit: Audit,
    /// How it is backed up.
    pub(crate) backup: Option<Backup>,
    /// What runs by itself.
    #[serde(default)]
    pub(crate) schedule: Schedule,
    /// Who is told how it goes.
    #[serde(default)]
    pub(crate) notify: Notify,
}

impl Configuration {
    /// Reads and checks the file. Relative paths in it are relative to the file.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigurationError> {
        Ok(Self::parse(&text_of(file)?, file)?.with_paths_from(&folder_of(file)?))
    }

    /// The vault that it pins, as backups are verified against it.
    pub(crate) fn pinned(&self) -> Pinned {
        let scope = Scope { environment: self.environment.clone(), vault: self.vault_id };
        Pinned { scope, key: self.verification_key.clone() }
    }

    fn parse(text: &str, file: &Path) -> Result<Self, ConfigurationError> {
        let configuration: Self =
            toml::from_str(text).map_err(|error| ConfigurationError::syntax(file, text, &error))?;
        let contradiction = |reason| ConfigurationError::Contradiction { file: file.to_owned(), reason };
        configuration.backup.as_ref().map_or(Ok(()), Backup::check).map_err(contradiction)?;
        configuration.server.check().map_err(contradiction)?;
        configuration.limits.check().map_err(contradiction)?;
        configuration.alerts.check().map_err(contradiction)?;
        configuration.operators.as_ref().map_or(Ok(()), Operators::check).map_err(contradiction)?;
        configuration.audit.check().map_err(contradiction)?;
        configuration.notify.check().map_err(contradiction)?;
        Ok(configuration)
    }

    fn with_paths_from(mut self, folder: &Path) -> Self {
        for path in [&mut self.vault, &mut self.policies].into_iter().flatten() {
            *path = joined(folder, path);
        }
        self.server.paths_from(folder);
        if let Some(operators) = &mut self.operators {
            operators.paths_from(folder);
        }
        self.audit.paths_from(folder);
        self.notify.paths_from(folder);
        if let Some(backup) = &mut self.backup {
            backup.paths_from(folder);
        }
        self
    }
}

fn unreadable(file: &Path) -> impl Fn(io::Error) -> ConfigurationError {
    move |source| ConfigurationError::Unreadable { file: file.to_owned(), source }
}

/// What stands in a file.
fn text_of(file: &Path) -> Result<String, ConfigurationError> {
    let bytes = fs::read(file).map_err(unreadable(file))?;
    String::from_utf8(bytes).map_err(|error| ConfigurationError::encoding(file, &error))
}

/// The folder that relative paths in a file start at.
fn folder_of(file: &Path) -> Result<PathBuf, ConfigurationError> {
    let absolute = std::path::absolute(file).map_err(unreadable(file))?;
    Ok(absolute.parent().unwrap_or(Path::new("/")).to_owned())
}

/// A path from a folder on, without the `.` in it.
fn joined(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().collect()
}

#[cfg(test)]
mod tests;
