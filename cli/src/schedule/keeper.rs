//! Keeps the timetable: looks twice a second which job is due, and runs it on a thread of its own. A job that is under
//! way when its time comes again is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use coffre_backup::jobs::{Jobs, JobsError};
use coffre_store::clock::{Clock as _, SystemClock};

use super::timetable::Due;
use super::{Job, Row};
use crate::arguments::Global;
use crate::exit::Exit;
use crate::{complaint, output};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// How long nothing is tried after what is remembered could not be read or written.
const TROUBLE: Duration = Duration::from_secs(30);
/// How often a job that met a passing obstacle is tried again before its next time in the table.
const RETRIES: u8 = 3;

/// How often each job was tried again since its last time in the table. Of no more than this process: an earlier version, should
/// it come back, reads nothing in `jobs.json` that it does not know.
#[derive(Default)]
struct Repeats(BTreeMap<&'static str, u8>);

impl Repeats {
    /// Whether a job is started now, which is counted.
    fn starts(&mut self, job: &'static str, due: Due) -> bool {
        let repeats = self.0.entry(job).or_default();
        match due {
            Due::Now => *repeats = 0,
            Due::Again if *repeats < RETRIES => *repeats += 1,
            Due::Again | Due::NotYet | Due::CountFromNow => return false,
        }
        true
    }
}

/// Keeps the timetable until told to stop; then waits for the jobs under way, which have heard the same.
pub(crate) fn keep(rows: &[Row], folder: &Path, global: &Global, stop: &(dyn Fn() -> bool + Sync)) {
    let busy = Mutex::new(BTreeSet::new());
    let mut repeats = Repeats::default();
    thread::scope(|scope| {
        while !stop() {
            let due = due(rows, folder, &busy, &mut repeats).unwrap_or_else(|error| {
                let _gone = output::note(&format!("no job is started: {}", complaint::chain(&error)));
                wait(TROUBLE, stop);
                Vec::new()
            });
            for job in due {
                let busy = &busy;
                busy.lock().unwrap_or_else(PoisonError::into_inner).insert(job.name);
                scope.spawn(move || {
                    start(job, global);
                    busy.lock().unwrap_or_else(PoisonError::into_inner).remove(job.name);
                });
            }
            wait(LOOK, stop);
        }
    });
}

fn wait(time: Duration, stop: &(dyn Fn() -> bool + Sync)) {
    let mut left = time;
    while !stop() && !left.is_zero() {
        let moment = left.min(LOOK);
        thread::sleep(moment);
        left -= moment;
    }
}

/// The jobs to start now. That the table counts from now on for a job is remembered.
fn due(
    rows: &[Row],
    folder: &Path,
    busy: &Mutex<BTreeSet<&'static str>>,
    repeats: &mut Repeats,
) -> Result<Vec<&'static Job>, JobsError> {
    let known = Jobs::load(folder)?;
    let mut due = Vec::new();
    for row in rows {
        if busy.lock().unwrap_or_else(PoisonError::into_inner).contains(row.job.name) {
            continue;
        }
        let memory = known.jobs.get(row.job.name).cloned().unwrap_or_default();
        let now = SystemClock.now();
        let how = row.due(&memory, now);
        let starts = repeats.starts(row.job.name, how);
        if starts || how == Due::CountFromNow {
            Jobs::change(folder, row.job.name, |memory| memory.consider(now))?;
        }
        if starts {
            due.push(row.job);
        }
    }
    Ok(due)
}

/// Runs a job as its command line would be run.
fn start(job: &Job, global: &Global) {
    let Some(arguments) = job.arguments(global) else { return };
    let exit = super::run(&arguments).unwrap_or_else(|error| {
        let _gone = output::note(&format!("{}: {}", job.name, complaint::chain(error.as_ref())));
        Exit::of(&error)
    });
    let state = if exit == Exit::Success { "ok    " } else { "FAILED" };
    let _gone = output::line(format!("{state}  job {} ended with {}", job.name, exit.code()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_is_tried_three_times_until_its_next_time() {
        let mut repeats = Repeats::default();
        assert!(!repeats.starts("run", Due::NotYet) && !repeats.starts("run", Due::CountFromNow));
        for _ in 0..2 {
            assert!(repeats.starts("run", Due::Now));
            let again = [(); 5].map(|()| repeats.starts("run", Due::Again));
            assert_eq!(again, [true, true, true, false, false]);
            assert!(repeats.starts("drill", Due::Again), "each by itself");
            assert!(repeats.starts("drill", Due::Now));
        }
    }
}
