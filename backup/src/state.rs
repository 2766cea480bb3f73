//! What this machine remembers of its backups: for each target, what was the newest on it and when,
//! and how the last run failed. Written whole and durably after each target; holds nothing secret.
//!
//! It is local knowledge, so it can tell an emptied or set-back destination from a new one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::durable;
use crate::lock::Lock;
use crate::ship::KnownPoint;

const FILE: &str = "state.json";
/// Held for as long as it takes to read the file and to write it again.
const LOCK: &str = "state.lock";
const FORMAT: &str = "coffre/backup-state/v1";
const LOSS: &str = "until the next success of each target, removed backups go unnoticed";

/// A state that cannot be read or written.
#[derive(Debug, Error)]
pub enum StateError {
    /// It is not what was written.
    #[error("{path} is damaged: remove it; {loss}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What goes unnoticed without it.
        loss: &'static str,
        /// What the parser said.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// The system refused.
    #[error("{path} cannot be read or written ({source}): check its permissions and free space")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A success of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// When the run ended.
    pub time: Timestamp,
    /// When the newest point on the target was captured: the data is as old as this.
    pub captured: Timestamp,
    /// The newest manifests on the target.
    pub newest: KnownPoint,
    /// Bytes that were written to it.
    pub bytes: u64,
}

/// A failure of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When.
    pub time: Timestamp,
    /// Why, with the remedy.
    pub cause: String,
    /// The exit code of that failure.
    pub code: u8,
}

/// What is remembered of a destination or repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The last success.
    pub last_success: Option<Success>,
    /// The last failure, unless a success followed it.
    pub last_failure: Option<Failed>,
    /// How many runs have failed since the last success.
    pub failures: u64,
}

impl Target {
    /// The newest manifests known to be on it.
    pub fn known(&self) -> KnownPoint {
        self.last_success.as_ref().map(|success| success.newest).unwrap_or_default()
    }
}

/// What is remembered of all targets, by their names in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    format: String,
    /// The targets.
    pub targets: BTreeMap<String, Target>,
}

impl Default for State {
    fn default() -> Self {
        Self { format: FORMAT.to_owned(), targets: BTreeMap::new() }
    }
}

impl State {
    /// Reads the state in a folder; an empty one if there was no run yet.
    pub fn load(folder: &Path) -> Result<Self, StateError> {
        read_json(&folder.join(FILE), LOSS, |state: &Self| state.format == FORMAT)
    }

    /// Changes it, alone: neither `run` nor `follow` loses the other one's change.
    pub(crate) fn change(folder: &Path, change: impl FnOnce(&mut Self)) -> Result<(), StateError> {
        let path = folder.join(LOCK);
        let lock = Lock::wait(&path).map_err(|error| StateError::Io { path, source: io::Error::other(error) })?;
        let mut state = Self::load(folder)?;
        change(&mut state);
        state.save(folder)?;
        drop(lock);
        Ok(())
    }

    /// Writes it: the old one or the new one is there, whenever power is cut.
    fn save(&self, folder: &Path) -> Result<(), StateError> {
        write_json(&folder.join(FILE), self)
    }

    /// Notes how a run ended for a target.
    pub(crate) fn note(&mut self, target: &str, result: Result<Success, Failed>) {
        let entry = self.targets.entry(target.to_owned()).or_default();
        match result {
            Ok(success) => *entry = Target { last_success: Some(success), last_failure: None, failures: 0 },
            Err(failed) => {
                entry.last_failure = Some(failed);
                entry.failures = entry.failures.saturating_add(1);
            }
        }
    }

    /// Notes how far a target reaches although something else of it fails.
    pub(crate) fn reached(&mut self, target: &str, success: Success) {
        self.targets.entry(target.to_owned()).or_default().last_success = Some(success);
    }
}

/// Reads a file of this kind, which is the default where there is none. `loss` says what its loss costs, for whoever is
/// told to remove it.
pub(crate) fn read_json<T: DeserializeOwned + Default>(
    path: &Path,
    loss: &'static str,
    is_format: impl Fn(&T) -> bool,
) -> Result<T, StateError> {
    let path = path.to_owned();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => return Err(StateError::Io { path, source }),
    };
    match serde_json::from_slice::<T>(&bytes) {
        Ok(state) if is_format(&state) => Ok(state),
        Ok(_) => Err(StateError::Damaged { path, loss, source: None }),
        Err(error) => Err(StateError::Damaged { path, loss, source: Some(error) }),
    }
}

/// Writes one: the old one or the new one is there, whenever power is cut.
pub(crate) fn write_json(path: &Path, state: &impl Serialize) -> Result<(), StateError> {
    let bytes = serde_json::to_vec_pretty(state).map_err(io::Error::from);
    let written = bytes.and_then(|bytes| durable::replace(path, &bytes, 0o640));
    written.map_err(|source| StateError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The bytes of `docs/formats/backup-state.md`, with whole hashes.
    const GOLDEN: &str = include_str!("state/golden.json");

    #[test]
    fn the_documented_state_is_read_and_written_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), GOLDEN).unwrap();
        let state = State::load(folder.path()).unwrap();
        let target = state.targets.get("building-b").unwrap();
        assert_eq!(target.known().main.unwrap().number.get(), 12);
        assert_eq!(target.last_failure.as_ref().unwrap().code, 75);
        state.save(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap().trim_end(), GOLDEN.trim_end());
    }

    #[test]
    fn a_damaged_or_unknown_state_is_refused_and_a_missing_one_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(State::load(folder.path()).unwrap(), State::default());
        for text in ["", "{", "[]", &GOLDEN.replace("v1", "v2"), &GOLDEN.replace("\"number\": 12", "\"number\": 0")] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(matches!(State::load(folder.path()), Err(StateError::Damaged { .. })), "{text}");
        }
    }

    #[test]
    fn a_success_clears_failures_and_a_failure_keeps_the_success() {
        let mut state = State::load(Path::new("/nowhere")).unwrap();
        let time = Timestamp::from_micros(0);
        let failed = || Failed { time, cause: "x".to_owned(), code: 1 };
        let success = Success { time, captured: time, newest: KnownPoint::default(), bytes: 1 };
        state.note("usb", Err(failed()));
        state.note("usb", Ok(success.clone()));
        state.note("usb", Err(failed()));
        state.note("usb", Err(failed()));
        let target = state.targets.get_mut("usb").unwrap();
        assert_eq!((target.failures, target.last_success.clone()), (2, Some(success)));
        target.failures = u64::MAX;
        state.note("usb", Err(failed()));
        assert_eq!(state.targets.get("usb").unwrap().failures, u64::MAX, "a number that cannot be larger stays");
    }

    #[test]
    fn of_two_who_remember_at_once_neither_loses_the_others_change() {
        let folder = tempfile::tempdir().unwrap();
        let often = |target: &str| {
            for _ in 0..20 {
                let failed = Failed { time: Timestamp::from_micros(0), cause: "x".to_owned(), code: 1 };
                State::change(folder.path(), |state| state.note(target, Err(failed))).unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| often("one"));
            scope.spawn(|| often("two"));
        });
        let state = State::load(folder.path()).unwrap();
        assert!(state.targets.values().all(|target| target.failures == 20), "{state:?}");
        assert_eq!(state.targets.len(), 2);
    }
}
