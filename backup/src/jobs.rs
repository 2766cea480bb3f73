//! What this machine remembers of its jobs, whoever starts them: the built-in schedule, cron, a timer, a person. Each
//! job takes its own lock, so that it never overlaps itself; what is remembered is written whole and durably.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ending::Ending;
use crate::lock::{Lock, LockError};
use crate::objective;
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
    /// When it was first started or first in the timetable. It never moves forward, so that what never succeeds is late.
    #[serde(default)]
    pub first_seen: Option<Timestamp>,
    /// Up to when the schedule has been carried out: what was due before is not made up for.
    pub considered: Option<Timestamp>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub ended: Option<Timestamp>,
    /// The exit code that it ended with; none if it did not come to its end.
    pub code: Option<u8>,
    /// The exit code that people were last told of; none while they know of no failure.
    #[serde(default)]
    pub told: Option<u8>,
    /// The exit code of the last failure since it ended with 0; none if there was none but that another run was at it.
    #[serde(default)]
    pub failed: Option<u8>,
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

    /// Whether the last that is known of it is that it did not come to its end.
    pub const fn is_cut_off(&self) -> bool {
        self.failures > 0 && self.code.is_none()
    }

    /// The exit code of its last failure since it ended with 0. That another run was at it is none, and hides none.
    pub fn last_failure(&self) -> Option<u8> {
        // A memory of an older version has no more than the code of the last run.
        let of_older = || self.code.filter(|code| self.failures > 0 && *code != Ending::Busy.code());
        self.failed.or_else(of_older)
    }

    /// From when its times count, where it never succeeded.
    pub fn since(&self) -> Option<Timestamp> {
        // A memory of an older version has no more than the second.
        self.first_seen.or(self.considered)
    }

    /// Whether it succeeded in the future: a clock was wrong, and when it succeeded is not known.
    pub fn succeeded_in_future(&self, now: Timestamp) -> bool {
        self.last_success.is_some_and(|last| objective::is_in_future(objective::age(last, now)))
    }

    /// The timetable is carried out up to now.
    pub fn consider(&mut self, now: Timestamp) {
        self.see(now);
        self.considered = Some(now);
    }

    fn see(&mut self, now: Timestamp) {
        self.first_seen = Some(self.since().map_or(now, |since| since.min(now)));
    }

    /// What an end with this code is to people, by what they were told last.
    fn turn(&self, code: u8) -> Turn {
        let ending = Ending::of_code(code);
        match self.told.map(Ending::of_code) {
            // Another run is at it, which is no news yet.
            _ if ending == Ending::Busy => Turn::AsBefore,
            None if ending == Ending::Success => Turn::AsBefore,
            Some(_) if ending == Ending::Success => Turn::Recovered,
            Some(told) if ending <= told => Turn::AsBefore,
            _ => Turn::Failed,
        }
    }

    /// It was started, has not ended, and nobody is at it.
    fn cut_off(&mut self) {
        (self.code, self.failed) = (None, Some(Ending::Failure.code()));
        self.failures = self.failures.saturating_add(1);
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
    /// The file in a folder that remembers them.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Reads what is remembered in a folder; nothing if there was no job yet.
    pub fn load(folder: &Path) -> Result<Self, JobsError> {
        Ok(read_json(&Self::file(folder), LOSS, |jobs: &Self| jobs.format == FORMAT)?)
    }

    /// The same, for whoever only looks: a job that was cut off, as by a kill or a power cut, counts as failed although
    /// nobody was left to remember it.
    pub fn seen(folder: &Path) -> Result<Self, JobsError> {
        let open = |jobs: &Self| -> BTreeMap<String, Option<Timestamp>> {
            let open = jobs.jobs.iter().filter(|(_, memory)| memory.is_open());
            open.map(|(job, memory)| (job.clone(), memory.started)).collect()
        };
        let mut left = open(&Self::load(folder)?);
        left.retain(|job, _| Lock::is_free(&lock_of(folder, job)));
        // One that ended between the two looks has remembered it before its lock was free.
        let mut jobs = Self::load(folder)?;
        let still = open(&jobs);
        for (job, memory) in &mut jobs.jobs {
            if left.get(job).is_some_and(|started| still.get(job) == Some(started)) {
                memory.cut_off();
            }
        }
        Ok(jobs)
    }

    /// People were told that a job ended with this code.
    pub fn told(folder: &Path, job: &str, code: u8) -> Result<(), JobsError> {
        Self::change(folder, job, |memory| memory.told = (code != Ending::Success.code()).then_some(code))
    }

    /// Changes what is remembered of a job, alone: two processes never lose one another's change.
    pub fn change<T>(folder: &Path, job: &str, change: impl FnOnce(&mut Memory) -> T) -> Result<T, JobsError> {
        let _lock = Lock::wait(&folder.join(LOCK))?;
        let mut jobs = Self::load(folder)?;
        let result = change(jobs.jobs.entry(job.to_owned()).or_default());
        write_json(&Self::file(folder), &jobs)?;
        Ok(result)
    }
}

/// A job that is under way. Its lock goes with the process, so it is never stale.
#[derive(Debug)]
pub struct Running {
    folder: PathBuf,
    job: String,
    turn: Turn,
    _lock: Lock,
}

fn lock_of(folder: &Path, job: &str) -> PathBuf {
    folder.join(format!("job-{job}.lock"))
}

/// What a job's end is to people, who were told of ends before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No news.
    AsBefore,
    /// It failed, and they know of no failure, or of a less urgent one only.
    Failed,
    /// It went well, and they know of a failure.
    Recovered,
}

/// Begins a job, unless it is under way. A run before it that did not come to its end is counted as a failure now.
pub fn begin(folder: &Path, job: &str, now: Timestamp) -> Result<Running, JobsError> {
    let lock = Lock::file(&lock_of(folder, job))?;
    let turn = Jobs::change(folder, job, |memory| {
        let open = memory.is_open();
        if open {
            memory.cut_off();
        }
        memory.see(now);
        (memory.started, memory.considered) = (Some(now), memory.considered.max(Some(now)));
        // After a clock that was set back it would pass for the end of this run.
        memory.ended = memory.ended.filter(|ended| *ended < now);
        if open { memory.turn(Ending::Failure.code()) } else { Turn::AsBefore }
    })?;
    Ok(Running { folder: folder.to_owned(), job: job.to_owned(), turn, _lock: lock })
}

impl Running {
    /// What its begin found: whether the run before it did not come to its end, and people know of nothing as bad.
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// Remembers how it ended. A run that met another one or a passing obstacle (13, 75) is repeated, and counts as a
    /// failure all the same. Whoever tells people of it says so with [`Jobs::told`]: until then it stays news.
    pub fn end(self, now: Timestamp, code: u8) -> Result<Turn, JobsError> {
        Jobs::change(&self.folder, &self.job, |memory| {
            (memory.ended, memory.code) = (memory.started.max(Some(now)), Some(code));
            if code == 0 {
                (memory.last_success, memory.failures, memory.failed) = (Some(now), 0, None);
            } else {
                memory.failures = memory.failures.saturating_add(1);
                if code != Ending::Busy.code() {
                    memory.failed = Some(code);
                }
            }
            memory.turn(code)
        })
    }
}

#[cfg(test)]
mod tests;
