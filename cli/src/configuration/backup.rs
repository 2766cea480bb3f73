//! The section `[backup]`: where base backups wait, where copies go, where history is kept.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::destination::Destination;
use super::{credential, joined};
use crate::complaint::Complaint;

/// The section `[backup]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// The queue between capture and shipping.
    pub(crate) spool: PathBuf,
    /// What the backup account remembers of its runs, and its lock; in the spool unless named.
    state: Option<PathBuf>,
    /// How many base backups stay in the spool; destinations keep what they were given.
    #[serde(default = "three")]
    pub(crate) keep: NonZeroU64,
    /// Whether every commit is captured within a second; otherwise base backups only, on request.
    #[serde(default = "yes")]
    pub(crate) continuous: bool,
    /// Megabytes that the spool may take; base backups are taken beyond it.
    pub(crate) spool_limit_mb: Option<NonZeroU64>,
    /// What the server does when the spool takes no more.
    #[serde(default)]
    pub(crate) when_full: WhenFull,
    /// How old the last good backup may be.
    #[serde(default = "a_day_and_two_hours")]
    pub(crate) objective_hours: u32,
    /// Where copies go.
    #[serde(default, rename = "destination")]
    pub(crate) destinations: Vec<Destination>,
    /// Where history is kept.
    pub(crate) restic: Option<Restic>,
    /// How it is proven.
    #[serde(default)]
    pub(crate) drill: Drill,
}

/// The section `[backup.drill]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Drill {
    /// The folder that backups are restored below, on a disk with room for one; otherwise in the vault's directory.
    pub(crate) scratch: Option<PathBuf>,
    /// How long ago the last drill that passed may be.
    pub(crate) objective_days: u32,
    /// In how many drills everything is decrypted once.
    pub(crate) slices: NonZeroU32,
}

impl Default for Drill {
    fn default() -> Self {
        Self { scratch: None, objective_days: 8, slices: NonZeroU32::MIN.saturating_add(29) }
    }
}

/// What the server does when the spool takes no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WhenFull {
    /// It goes on, and alerts.
    #[default]
    KeepServing,
    /// It refuses reads and writes.
    Refuse,
}

const fn three() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(2)
}

const fn yes() -> bool {
    true
}

const fn a_day_and_two_hours() -> u32 {
    26
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

impl Backup {
    /// Bytes that the spool may take.
    pub(crate) fn spool_limit(&self) -> Option<u64> {
        self.spool_limit_mb.map(|limit| limit.get().saturating_mul(1_000_000))
    }

    /// Where the backup account remembers its runs.
    pub(crate) fn state(&self) -> &Path {
        self.state.as_deref().unwrap_or(&self.spool)
    }

    /// What makes no sense together.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.objective_hours == 0 {
            return Err("`objective_hours` is 0; use the hours after which a backup is too old");
        }
        if self.drill.objective_days == 0 {
            return Err("`objective_days` in [backup.drill] is 0; use the days after which a drill is overdue");
        }
        for (index, destination) in self.destinations.iter().enumerate() {
            destination.check(&self.spool)?;
            if self.destinations.iter().skip(index + 1).any(|other| other.name == destination.name) {
                return Err("two destinations have one name; name each after its place");
            }
        }
        match &self.restic {
            Some(restic) if restic.password_file.is_some() == restic.password_credential.is_some() => {
                Err("restic needs one source of its password; set either `password_file` or `password_credential`")
            }
            _ => Ok(()),
        }
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        for path in [&mut self.spool].into_iter().chain(self.state.as_mut()).chain(self.drill.scratch.as_mut()) {
            *path = joined(folder, path);
        }
        for destination in &mut self.destinations {
            destination.paths_from(folder);
        }
        if let Some(restic) = &mut self.restic {
            restic.paths_from(folder);
        }
    }
}

impl Restic {
    /// The file with the repository's password, whichever way it is named.
    pub(crate) fn password(&self) -> Result<PathBuf, Complaint> {
        match (&self.password_file, &self.password_credential) {
            (Some(file), _) => Ok(file.clone()),
            (None, Some(name)) => credential(name, "password_file"),
            (None, None) => Err(Complaint::usage("restic has no password", "set `password_file`")),
        }
    }

    fn paths_from(&mut self, folder: &Path) {
        if is_local(&self.repository) {
            self.repository = joined(folder, Path::new(&self.repository)).to_string_lossy().into_owned();
        }
        if let Some(file) = &mut self.password_file {
            *file = joined(folder, file);
        }
        // A bare name is looked up in PATH.
        if let Some(binary) = self.binary.as_mut().filter(|binary| binary.components().count() > 1) {
            *binary = joined(folder, binary);
        }
    }
}

/// Whether a repository is a folder of this machine: `restic --repo` begins every other one with a scheme.
pub(crate) fn is_local(repository: &str) -> bool {
    repository.split('/').next().is_some_and(|first| !first.contains(':'))
}
