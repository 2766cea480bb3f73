//! What this machine remembers of its work on repositories. Format: `docs/formats/backup-state.md`.

use std::collections::BTreeMap;
use std::path::Path;

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::ending::Ending;
use crate::state::{Failed, StateError, read_json, write_json};

const FILE: &str = "maintenance.json";
const FORMAT: &str = "coffre/maintenance/v1";
const LOSS: &str = "until each verb has run again, all of it counts as late, and reading begins anew";

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Taking snapshots out of the list.
    Forget,
    /// Removing what nothing needs.
    Prune,
    /// Copying to this repository.
    Copy,
    /// Checking, and reading a part.
    Check,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Forget, Self::Prune, Self::Copy, Self::Check];

    /// As the verb is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Prune => "prune",
            Self::Copy => "copy",
            Self::Check => "check",
        }
    }
}

/// How one kind of work went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When it was last done.
    pub last_success: Option<Timestamp>,
    /// The last failure, unless a success followed it. A run that met another one takes the place of no other failure.
    pub last_failure: Option<Failed>,
    /// How many failed since the last success.
    pub failures: u64,
}

/// What is remembered of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// By kind.
    #[serde(default)]
    pub work: BTreeMap<Work, Kept>,
    /// When which part was read.
    #[serde(default)]
    pub reading: Reading,
}

/// What is remembered of all repositories, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceState {
    format: String,
    /// The repositories.
    pub repositories: BTreeMap<String, Repository>,
}

impl Default for MaintenanceState {
    fn default() -> Self {
        Self { format: FORMAT.to_owned(), repositories: BTreeMap::new() }
    }
}

impl MaintenanceState {
    /// Reads what a folder remembers; nothing if nothing was done yet.
    pub fn load(folder: &Path) -> Result<Self, StateError> {
        read_json(&folder.join(FILE), LOSS, |state: &Self| state.format == FORMAT)
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), StateError> {
        write_json(&folder.join(FILE), self)
    }

    pub(super) fn note(&mut self, repository: &str, work: Work, time: Timestamp, failed: Option<Failed>) {
        let kept = self.repositories.entry(repository.to_owned()).or_default().work.entry(work).or_default();
        match failed {
            None => *kept = Kept { last_success: Some(time), last_failure: None, failures: 0 },
            Some(failed) => {
                kept.failures = kept.failures.saturating_add(1);
                // That another run was at it hides no failure before it.
                let is_busy = |failed: &Failed| failed.code == Ending::Busy.code();
                if !is_busy(&failed) || kept.last_failure.as_ref().is_none_or(is_busy) {
                    kept.last_failure = Some(failed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The bytes of `docs/formats/backup-state.md`.
    const GOLDEN: &str = include_str!("golden.json");

    #[test]
    fn the_documented_state_is_read_and_written_back() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), GOLDEN).unwrap();
        let state = MaintenanceState::load(folder.path()).unwrap();
        let restic = state.repositories.get("restic").unwrap();
        assert_eq!(restic.work.get(&Work::Prune).unwrap().failures, 2);
        assert_eq!(restic.reading.read.len(), 2);
        state.save(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap().trim_end(), GOLDEN.trim_end());
    }

    #[test]
    fn another_run_that_is_at_it_hides_no_failure() {
        let mut state = MaintenanceState::default();
        let mut after = |code| {
            let time = Timestamp::from_micros(0);
            state.note("restic", Work::Check, time, Some(Failed { time, cause: "x".to_owned(), code }));
            let kept = state.repositories.get("restic").unwrap().work.get(&Work::Check).unwrap();
            (kept.last_failure.as_ref().unwrap().code, kept.failures)
        };
        assert_eq!([13, 12, 13, 1].map(&mut after), [(13, 1), (12, 2), (12, 3), (1, 4)]);
    }

    #[test]
    fn another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), GOLDEN.replace("/v1", "/v2")).unwrap();
        let error = MaintenanceState::load(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }));
        assert!(error.to_string().ends_with(LOSS), "its own file's, no other's: {error}");
    }
}
