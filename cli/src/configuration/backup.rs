//! The section `[backup]`: where base backups wait, where copies go, where history is kept.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use coffre_backup::other_sources::OtherSource;
use serde::Deserialize;

use super::destination::Destination;
use super::joined;
use super::restic::Restic;
use super::source::{self, Source};
use crate::complaint::Complaint;

/// The section `[backup]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// The queue between capture and shipping; none on the host of a destination.
    spool: Option<PathBuf>,
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
    /// For how many days copies of the keyring stay at a destination.
    #[serde(default = "five_weeks")]
    pub(crate) keyring_days: NonZeroU32,
    /// Where copies go.
    #[serde(default, rename = "destination")]
    pub(crate) destinations: Vec<Destination>,
    /// Where history is kept.
    pub(crate) restic: Option<Restic>,
    /// How it is proven.
    #[serde(default)]
    pub(crate) drill: Drill,
    /// Whom other sources are encrypted to.
    pub(crate) recovery_recipient: Option<String>,
    /// Other systems on this host.
    #[serde(default, rename = "source")]
    pub(crate) sources: Vec<Source>,
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
    /// Whether the repository is restored from in its turn, too: the vault's account then reads its password.
    pub(crate) repository: bool,
}

impl Default for Drill {
    fn default() -> Self {
        Self { scratch: None, objective_days: 8, slices: NonZeroU32::MIN.saturating_add(29), repository: false }
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

const fn five_weeks() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(34)
}

const fn a_day_and_two_hours() -> u32 {
    26
}

impl Backup {
    /// Bytes that the spool may take.
    pub(crate) fn spool_limit(&self) -> Option<u64> {
        self.spool_limit_mb.map(|limit| limit.get().saturating_mul(1_000_000))
    }

    /// The other systems on this host.
    pub(crate) fn sources(&self) -> Vec<OtherSource> {
        self.sources.iter().filter_map(Source::known).collect()
    }

    /// The queue between capture and shipping.
    pub(crate) fn spool(&self) -> Result<&Path, Complaint> {
        let missing =
            || Complaint::usage("[backup] names no spool", "set `spool`; only the host of a destination has none");
        self.spool.as_deref().ok_or_else(missing)
    }

    /// Where the backup account remembers its runs.
    pub(crate) fn state(&self) -> &Path {
        // One of them is there: that was checked.
        self.state.as_deref().or(self.spool.as_deref()).unwrap_or(Path::new("."))
    }

    /// What makes no sense together.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.objective_hours == 0 {
            return Err("`objective_hours` is 0; use the hours after which a backup is too old");
        }
        if self.drill.objective_days == 0 {
            return Err("`objective_days` in [backup.drill] is 0; use the days after which a drill is overdue");
        }
        if self.spool.is_none() && self.state.is_none() {
            return Err(
                "[backup] has neither `spool` nor `state`; set `spool`, and on the host of a destination `state`",
            );
        }
        for (index, destination) in self.destinations.iter().enumerate() {
            destination.check(self.spool.as_deref())?;
            if self.destinations.iter().skip(index + 1).any(|other| other.name == destination.name) {
                return Err("two destinations have one name; name each after its place");
            }
        }
        if self.drill.repository && (self.restic.is_none() || self.destinations.is_empty()) {
            return Err("drills of a repository need [backup.restic], and a destination that holds the keyring");
        }
        self.restic.as_ref().map_or(Ok(()), Restic::check)?;
        source::check(&self.sources)
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        for path in self.spool.iter_mut().chain(self.state.as_mut()).chain(self.drill.scratch.as_mut()) {
            *path = joined(folder, path);
        }
        for destination in &mut self.destinations {
            destination.paths_from(folder);
        }
        if let Some(restic) = &mut self.restic {
            restic.paths_from(folder);
        }
        for source in &mut self.sources {
            source.paths_from(folder);
        }
    }
}

/// Whether a repository is a folder of this machine: `restic --repo` begins every other one with a scheme.
pub(crate) fn is_local(repository: &str) -> bool {
    repository.split('/').next().is_some_and(|first| !first.contains(':'))
}
