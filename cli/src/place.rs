//! Where a vault is and what belongs to it: its directory, the configuration that pins it, its identity and its policies.
//! Opens it for the verbs that need it open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use coffre_backup::restore;
use coffre_policies::Policies;
use coffre_store::clock::SystemClock;
use coffre_store::{Identity, Layout, OpenError, OpenOptions, Store};

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Configuration, ConfigurationError, Server};
use crate::exit::Exit;
use crate::owner;

/// What to do about a restore that was cut off.
pub(crate) const RESUME: &str = "run the same `coffre restore` again: it goes on where it stopped";

/// Connections for reading.
pub(crate) const READERS: usize = 4;

/// How a verb is told which vault.
#[derive(Debug, Args)]
pub(crate) struct VaultArgument {
    /// The vault's directory; otherwise the one in the configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: Option<PathBuf>,
}

/// A vault's place.
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) configuration: Option<Configuration>,
}

impl Place {
    /// Finds the place. A vault that is named can do without a configuration; a configuration that is named must be
    /// there.
    pub(crate) fn find(argument: &VaultArgument, global: &Global) -> anyhow::Result<Self> {
        let named = argument.vault.as_deref();
        let configuration = match configuration::locate(global.config.as_deref(), named) {
            Ok(file) => Some(Configuration::load(&file)?),
            Err(ConfigurationError::Nowhere { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let directory = named.or_else(|| configuration.as_ref()?.vault.as_deref()).ok_or_else(|| {
            Complaint::usage("no vault is named", "name one with --vault DIR, or set `vault` in the configuration")
        })?;
        Ok(Self { directory: std::path::absolute(directory)?, configuration })
    }

    /// The policies in force for it.
    pub(crate) fn policies(&self) -> anyhow::Result<Arc<Policies>> {
        let folder = self.configuration.as_ref().and_then(|configuration| configuration.policies.as_deref());
        Ok(Arc::new(folder.map_or_else(Policies::embedded, Policies::load)?))
    }

    /// The socket that the vault's own user reaches its server at.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.socket(|server| server.control_socket.clone(), "control.sock")
    }

    /// The socket that the backup account reaches it at.
    pub(crate) fn backup_socket(&self) -> PathBuf {
        self.socket(|server| server.backup_socket.clone(), "backup.sock")
    }

    fn socket(&self, configured: impl Fn(&Server) -> Option<PathBuf>, name: &str) -> PathBuf {
        let configured = self.configuration.as_ref().and_then(|configuration| configured(&configuration.server));
        configured.unwrap_or_else(|| self.directory.join("run").join(name))
    }

    /// Opens the vault. It must be the one that the configuration pins.
    pub(crate) fn open(&self, policies: &Policies) -> anyhow::Result<Store> {
        self.open_by(policies, Store::open)
    }

    /// Opens the vault with its database files as they are, which the log tells.
    pub(crate) fn open_as_it_is(&self, policies: &Policies) -> anyhow::Result<Store> {
        let operator = Some(format!("uid-{}", rustix::process::geteuid().as_raw()));
        self.open_by(policies, |dir, identity, options| Store::open_as_it_is(dir, identity, options, operator))
    }

    fn open_by(
        &self,
        policies: &Policies,
        open: impl FnOnce(&Path, &Identity, &OpenOptions) -> Result<Store, OpenError>,
    ) -> anyhow::Result<Store> {
        if restore::is_under_way(&self.directory) {
            let cause = format!("the restore into {} has not ended", self.directory.display());
            return Err(Complaint::new(Exit::Failure, cause, RESUME).into());
        }
        // Before a file of it is missed: where there is no vault, there is none of its files.
        let is_something_else = std::fs::metadata(&self.directory).is_ok_and(|found| !found.is_dir());
        let keys = Layout::new(&self.directory).keys();
        if is_something_else || matches!(keys.try_exists(), Ok(false)) {
            return Err(OpenError::NoVault { path: self.directory.clone() }.into());
        }
        owner::must_run(&keys)?;
        let identity = self.identity()?;
        let options = OpenOptions {
            indexes: policies.record_types().flat_map(coffre_policies::RecordType::indexes).collect(),
            clock: Arc::new(SystemClock),
            readers: READERS,
        };
        let store = open(&self.directory, &identity, &options)?;
        if let Some(pinned) = &self.configuration {
            check_pinned(pinned, &store)?;
        }
        Ok(store)
    }

    /// The server identity: a file, or a credential that systemd hands over.
    fn identity(&self) -> anyhow::Result<Identity> {
        match self.identity_credential() {
            Some(name) => Ok(Identity::read_credential(&configuration::credential(name, "identity")?)?),
            None => Ok(Identity::read(&self.identity_file())?),
        }
    }

    /// The name of the credential that holds the server identity, if one does.
    pub(crate) fn identity_credential(&self) -> Option<&str> {
        self.configuration.as_ref()?.server.identity_credential.as_deref()
    }

    /// The file of the server identity.
    pub(crate) fn identity_file(&self) -> PathBuf {
        let named = self.configuration.as_ref().and_then(|configuration| configuration.server.identity.clone());
        named.unwrap_or_else(|| Layout::new(&self.directory).server_identity())
    }
}

/// Nothing of one environment or vault is used with the configuration of another.
fn check_pinned(pinned: &Configuration, store: &Store) -> Result<(), Complaint> {
    let scope = store.scope();
    let other = |what: &str| {
        let cause = format!("the configuration pins another {what} than the vault has");
        Complaint::new(Exit::WrongKey, cause, "use the configuration that was made for this vault")
    };
    if pinned.environment != scope.environment {
        return Err(other("environment"));
    }
    if pinned.vault_id != scope.vault {
        return Err(other("vault id"));
    }
    if pinned.verification_key != *store.verification_key() {
        return Err(other("verification key"));
    }
    Ok(())
}

/// What the server says it wrote must be there for whoever asked: under systemd it has a `/tmp` of its own.
pub(crate) fn must_be_there(written: &Path) -> Result<(), Complaint> {
    if written.exists() {
        return Ok(());
    }
    let cause = format!("the server wrote {} where it alone sees it", written.display());
    let remedy = "its unit has a /tmp of its own; run this again with a place in a folder of the vault's account";
    Err(Complaint::new(Exit::Failure, cause, remedy))
}

/// A path as the server on this host understands it, whose working directory is another one.
pub(crate) fn absolute_text(path: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(path)?;
    path.into_os_string().into_string().map_err(|path| {
        Complaint::usage(format!("{} is not UTF-8 text", path.display()), "choose a path that is").into()
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_alone_sees_is_told_and_not_taken_for_written() {
        let folder = tempfile::tempdir().unwrap();
        must_be_there(folder.path()).unwrap();
        let told = must_be_there(&folder.path().join("checkpoint")).unwrap_err();
        assert_eq!(told.exit(), Exit::Failure);
        assert!(
            told.to_string().contains("checkpoint where it alone sees it; its unit has a /tmp of its own"),
            "{told}"
        );
    }
}
