//! What a host remembers of its sources. Format: `docs/formats/backup-state.md`. Names no file of a source.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lock::Lock;
use crate::state::{Failed, StateError, read_json, write_json};

const FILE: &str = "sources.json";
/// Held for as long as it takes to read the file and to write it again.
const LOCK: &str = "sources.lock";
const FORMAT: &str = "coffre/sources/v1";
const LOSS: &str = "until each source has run again, none counts as backed up";

/// A good backup of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// When it was begun: it holds nothing newer.
    pub time: Timestamp,
    /// Its snapshot.
    pub snapshot: String,
    /// Bytes of the source.
    pub bytes: u64,
    /// Bytes that the repository grew by, before compression.
    pub added: u64,
    /// How long it took.
    pub seconds: i64,
}

/// What is remembered of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The last good backup.
    pub last_good: Option<Good>,
    /// The last failure, unless a good backup followed it.
    pub last_failure: Option<Failed>,
    /// How many failed since.
    pub failures: u64,
    /// The marks of runs that are not known to have come to their end: what has one of them as its tag may be half of the
    /// source. Absent in files of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
}

impl SourceState {
    /// A run with this mark begins. Gives the marks of those before it that are not known to have ended.
    pub(super) fn begin(&mut self, mark: &str) -> Vec<String> {
        let unfinished = self.unfinished.clone();
        self.unfinished.push(mark.to_owned());
        unfinished
    }

    /// It has ended, and what it stored, if anything, is as a whole source is read.
    pub(super) fn finish(&mut self, mark: &str) {
        self.unfinished.retain(|other| other != mark);
    }

    pub(super) fn note(&mut self, result: Result<Good, Failed>) {
        match result {
            Ok(good) => (self.last_good, self.last_failure, self.failures) = (Some(good), None, 0),
            Err(failed) => {
                self.last_failure = Some(failed);
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

/// What is remembered of all sources, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcesState {
    format: String,
    /// The sources.
    pub sources: BTreeMap<String, SourceState>,
}

impl Default for SourcesState {
    fn default() -> Self {
        Self { format: FORMAT.to_owned(), sources: BTreeMap::new() }
    }
}

impl SourcesState {
    /// Reads what a folder remembers; nothing if no source was backed up yet.
    pub fn load(folder: &Path) -> Result<Self, StateError> {
        read_json(&folder.join(FILE), LOSS, |state: &Self| state.format == FORMAT)
    }

    /// The snapshot of a source that is remembered as good.
    pub fn good_snapshot(&self, name: &str) -> Option<&str> {
        self.sources.get(name)?.last_good.as_ref().map(|good| good.snapshot.as_str())
    }

    /// The snapshots that are remembered as good, of all sources.
    pub(crate) fn good_snapshots(&self) -> impl Iterator<Item = &str> {
        self.sources.values().filter_map(|source| Some(source.last_good.as_ref()?.snapshot.as_str()))
    }

    /// Changes what is remembered of a source, alone: runs of others write the same file.
    pub(super) fn change<T>(
        folder: &Path,
        name: &str,
        change: impl FnOnce(&mut SourceState) -> T,
    ) -> Result<T, StateError> {
        let path = folder.join(LOCK);
        let _lock = Lock::wait(&path).map_err(|error| StateError::Io { path, source: io::Error::other(error) })?;
        let mut state = Self::load(folder)?;
        let result = change(state.sources.entry(name.to_owned()).or_default());
        state.save(folder)?;
        Ok(result)
    }

    fn save(&self, folder: &Path) -> Result<(), StateError> {
        write_json(&folder.join(FILE), self)
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
        let state = SourcesState::load(folder.path()).unwrap();
        let source = state.sources.get("sales-database").unwrap();
        assert_eq!((source.failures, source.last_good.as_ref().unwrap().bytes), (1, 52_428_800));
        assert_eq!(state.good_snapshot("sales-database"), Some("77f1ca08"));
        assert_eq!(state.good_snapshot("another"), None);
        state.save(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap().trim_end(), GOLDEN.trim_end());
    }
}
