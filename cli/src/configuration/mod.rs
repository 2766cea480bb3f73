//! `coffre.toml`: what a machine knows about its vault and its backups. It holds no secret; files that do are named
//! in it. Arguments go before it, and nothing is guessed that the vault pins: environment, vault id, verification key.

mod error;
mod locate;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use coffre_core::ids::{Environment, VaultId};
use coffre_core::note::VerificationKey;
use serde::Deserialize;

pub(crate) use error::ConfigurationError;
pub(crate) use locate::{FILE_NAME, locate};

/// Where the server listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7117);

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
    /// How it is backed up.
    pub(crate) backup: Option<Backup>,
}

/// The section `[server]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// The address of the API; loopback unless TLS is configured.
    pub(crate) listen: SocketAddr,
    /// The server identity that opens the root key; in the vault's directory unless named.
    pub(crate) identity: Option<PathBuf>,
    /// For the vault's own user (0600); in the vault's `run` directory unless named.
    pub(crate) control_socket: Option<PathBuf>,
    /// For the backup account (0660): blind verbs only.
    pub(crate) backup_socket: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: DEFAULT_LISTEN, identity: None, control_socket: None, backup_socket: None }
    }
}

/// The section `[backup]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// The queue between capture and shipping.
    pub(crate) spool: PathBuf,
    /// How old the last good backup may be.
    #[serde(default = "a_day_and_two_hours")]
    pub(crate) objective_hours: u32,
    /// Where copies go.
    #[serde(default, rename = "destination")]
    pub(crate) destinations: Vec<Destination>,
    /// Where history is kept.
    pub(crate) restic: Option<Restic>,
}

fn a_day_and_two_hours() -> u32 {
    26
}

/// One `[[backup.destination]]`: a folder, on another machine or disk.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// Its name in reports.
    pub(crate) name: String,
    /// The folder.
    pub(crate) path: PathBuf,
}

/// The section `[backup.restic]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restic {
    /// As restic's `--repo`: a path, or a back end with its address.
    pub(crate) repository: String,
    /// The file that holds the repository's password.
    pub(crate) password_file: Option<PathBuf>,
    /// The systemd credential that holds it: a file name in `$CREDENTIALS_DIRECTORY`.
    pub(crate) password_credential: Option<String>,
    /// The program; `restic` in PATH unless named.
    pub(crate) binary: Option<PathBuf>,
}

impl Configuration {
    /// Reads and checks the file. Relative paths in it are relative to the file.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigurationError> {
        let text = fs::read_to_string(file)
            .map_err(|source| ConfigurationError::Unreadable { file: file.to_owned(), source })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Ok(Self::parse(&text, file)?.with_paths_from(folder))
    }

    fn parse(text: &str, file: &Path) -> Result<Self, ConfigurationError> {
        let configuration: Self =
            toml::from_str(text).map_err(|error| ConfigurationError::syntax(file, text, &error))?;
        configuration.check().map_err(|reason| ConfigurationError::Contradiction { file: file.to_owned(), reason })?;
        Ok(configuration)
    }

    fn check(&self) -> Result<(), &'static str> {
        let Some(backup) = &self.backup else { return Ok(()) };
        if backup.objective_hours == 0 {
            return Err("`objective_hours` is 0; use the hours after which a backup is too old");
        }
        for (index, destination) in backup.destinations.iter().enumerate() {
            if destination.name.is_empty() {
                return Err("a destination has an empty name; name it after the place");
            }
            if backup.destinations.iter().skip(index + 1).any(|other| other.name == destination.name) {
                return Err("two destinations have one name; name each after its place");
            }
            if destination.path.starts_with(&backup.spool) || backup.spool.starts_with(&destination.path) {
                return Err("a destination and the spool lie in one another; a copy belongs on another disk");
            }
        }
        match &backup.restic {
            Some(restic) if restic.password_file.is_some() == restic.password_credential.is_some() => {
                Err("restic needs one source of its password; set either `password_file` or `password_credential`")
            }
            _ => Ok(()),
        }
    }

    fn with_paths_from(mut self, folder: &Path) -> Self {
        let server = &mut self.server;
        let mut paths: Vec<&mut PathBuf> = [&mut self.vault, &mut self.policies]
            .into_iter()
            .chain([&mut server.identity, &mut server.control_socket, &mut server.backup_socket])
            .filter_map(Option::as_mut)
            .collect();
        if let Some(backup) = &mut self.backup {
            paths.push(&mut backup.spool);
            paths.extend(backup.destinations.iter_mut().map(|destination| &mut destination.path));
            if let Some(restic) = &mut backup.restic {
                paths.extend(restic.password_file.as_mut());
                // A bare name is looked up in PATH.
                paths.extend(restic.binary.as_mut().filter(|binary| binary.components().count() > 1));
            }
        }
        for path in paths {
            *path = folder.join(&path);
        }
        self
    }
}

/// The socket that the vault's own user reaches its server at.
pub(crate) fn control_socket(configuration: Option<&Configuration>, vault: &Path) -> PathBuf {
    configuration
        .and_then(|configuration| configuration.server.control_socket.clone())
        .unwrap_or_else(|| vault.join("run").join("control.sock"))
}

#[cfg(test)]
mod tests;
