//! What this machine remembers of its jobs, whoever starts them: the built-in schedule, cron, a timer, a person. Each
//! job takes its own lock, so that it never overlaps itself; what is remembered is written whole and durably.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::lock::{Lock, LockError};
use crate::state::{StateError, read_json, write_json};

const FILE: &str = "jobs.json";
const LOCK: &str = "jobs.lock";
const FORMAT: &str = "coffre/backup-jobs/v1";
const LOSS: &str = "until each job's next run, missed ones go unnoticed";

/// What is remembered of jobs cannot be read or written, or the job is under way.
#[derive(Debug, Error)]
pub enum JobsError {
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
    /// The job is under way.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// The same faults of the file.
impl From<StateError> for JobsError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Damaged { path, loss, source } => Self::Damaged { path, loss, source },
            StateError::Io { path, source } => Self::Io { path, source },
        }
    }
}

/// What is remembered of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Up to when the schedule has been carried out: what was due before is not made up for.
    pub considered: Option<Timestamp>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub ended: Option<Timestamp>,
    /// The exit code that it ended with.
    pub code: Option<u8>,
    /// When it last ended with 0.
    pub last_success: Option<Timestamp>,
    /// How often it has failed since.
    pub failures: u64,
}

impl Memory {
    /// Whether it was started and has not ended: it is running, or was cut off.
    pub fn is_open(&self) -> bool {
        self.started > self.ended
    }
}

/// All jobs, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    format: String,
    /// What is remembered of each.
    pub jobs: BTreeMap<String, Memory>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { format: FORMAT.to_owned(), jobs: BTreeMap::new() }
    }
}

impl Jobs {
    /// Reads what is remembered in a folder; nothing if there was no job yet.
    pub fn load(folder: &Path) -> Result<Self, JobsError> {
        Ok(read_json(&folder.join(FILE), LOSS, |jobs: &Self| jobs.format == FORMAT)?)
    }

    /// Changes what is remembered of a job, alone: two processes never lose one another's change.
    pub fn change<T>(folder: &Path, job: &str, change: impl FnOnce(&mut Memory) -> T) -> Result<T, JobsError> {
        let _lock = Lock::file(&folder.join(LOCK))?;
        let mut jobs = Self::load(folder)?;
        let result = change(jobs.jobs.entry(job.to_owned()).or_default());
        write_json(&folder.join(FILE), &jobs)?;
        Ok(result)
    }
}

/// A job that is under way. Its lock goes with the process, so it is never stale.
#[derive(Debug)]
pub struct Running {
    folder: PathBuf,
    job: String,
    _lock: Lock,
}

/// How a job's end changed what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It went as before.
    AsBefore,
    /// It failed, and had gone well, or was never run before.
    Failed,
    /// It went well, and had failed.
    Recovered,
}

/// Begins a job, unless it is under way.
pub fn begin(folder: &Path, job: &str, now: Timestamp) -> Result<Running, JobsError> {
    let lock = Lock::file(&folder.join(format!("job-{job}.lock")))?;
    Jobs::change(folder, job, |memory| {
        memory.started = Some(now);
        memory.considered = memory.considered.max(Some(now));
    })?;
    Ok(Running { folder: folder.to_owned(), job: job.to_owned(), _lock: lock })
}

impl Running {
    /// Remembers how it ended. A run that met another one or a passing obstacle (13, 75) is repeated, and counts as a
    /// failure all the same.
    pub fn end(self, now: Timestamp, code: u8) -> Result<Turn, JobsError> {
        Jobs::change(&self.folder, &self.job, |memory| {
            (memory.ended, memory.code) = (Some(now), Some(code));
            let failed_before = memory.failures > 0;
            if code == 0 {
                (memory.last_success, memory.failures) = (Some(now), 0);
            } else {
                memory.failures += 1;
            }
            match (failed_before, code) {
                (false, 1..) => Turn::Failed,
                (true, 0) => Turn::Recovered,
                _ => Turn::AsBefore,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::*;

    /// The bytes of `docs/formats/backup-state.md`.
    const GOLDEN: &str = include_str!("jobs/golden.json");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(seconds)
    }

    #[test]
    fn the_documented_memory_is_read_and_written_back() {
        let folder = tempfile::tempdir().unwrap();
        begin(folder.path(), "run", at(0)).unwrap().end(at(9), 0).unwrap();
        begin(folder.path(), "run", at(3_600)).unwrap().end(at(3_601), 75).unwrap();
        begin(folder.path(), "drill", at(7_200)).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap().trim_end(), GOLDEN.trim_end());
        let jobs = Jobs::load(folder.path()).unwrap();
        assert_eq!(jobs.jobs.get("run").unwrap().last_success, Some(at(9)));
        assert!(jobs.jobs.get("drill").unwrap().is_open() && !jobs.jobs.get("run").unwrap().is_open());
    }

    #[test]
    fn a_job_never_overlaps_itself_and_others_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let running = begin(folder.path(), "run", at(0)).unwrap();
        assert!(matches!(begin(folder.path(), "run", at(1)), Err(JobsError::Lock(LockError::Held { .. }))));
        begin(folder.path(), "verify", at(1)).unwrap().end(at(2), 0).unwrap();
        running.end(at(3), 0).unwrap();
        begin(folder.path(), "run", at(4)).unwrap();
    }

    #[test]
    fn the_first_failure_and_the_recovery_are_turns() {
        let folder = tempfile::tempdir().unwrap();
        let run = |second, code| begin(folder.path(), "run", at(second)).unwrap().end(at(second), code).unwrap();
        let turns = [(0, 0), (1, 75), (2, 75), (3, 0), (4, 0), (5, 12)].map(|(second, code)| run(second, code));
        let expected = [Turn::AsBefore, Turn::Failed, Turn::AsBefore, Turn::Recovered, Turn::AsBefore, Turn::Failed];
        assert_eq!(turns, expected);
    }

    #[test]
    fn a_damaged_memory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", &GOLDEN.replace("v1", "v2")] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(matches!(Jobs::load(folder.path()), Err(JobsError::Damaged { .. })), "{text}");
        }
    }
}
