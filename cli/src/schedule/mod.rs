//! Jobs: verbs that run by themselves, or are driven from outside. Whoever starts one, it never overlaps itself, its end
//! is remembered, and when it turns from good to bad or back people are told.

mod jobs;
mod keeper;
mod timetable;

use coffre_backup::LockError;
use coffre_backup::jobs::{JobsError, Turn, begin};
use coffre_store::clock::{Clock as _, SystemClock};

pub(crate) use jobs::{About, JOBS, Job};
pub(crate) use keeper::keep;
pub(crate) use timetable::Row;

use crate::arguments::Arguments;
use crate::configuration::{self, Protection};
use crate::exit::Exit;
use crate::notify::{self, Turned};
use crate::{commands, complaint, output};

/// Runs a verb, and remembers its end if it is a job.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some((job, protection)) = job_of(arguments) else { return commands::run(arguments) };
    let running = match begin(&protection.state, job, SystemClock.now()) {
        Err(error @ JobsError::Lock(LockError::Held { .. })) => return Err(error.into()),
        begun => begun,
    };
    let ended = commands::run(arguments);
    let (exit, cause) = match &ended {
        Ok(exit) => (*exit, None),
        Err(error) => (Exit::of(error), Some(complaint::chain(error.as_ref()))),
    };
    match running.and_then(|running| running.end(SystemClock.now(), exit.code())) {
        Ok(Turn::AsBefore) => {}
        // Another run is at it, which is no news yet.
        Ok(Turn::Failed) if exit == Exit::Busy => {}
        // Whoever was not reached by it would not be reached again.
        Ok(_) if job == Job::REPORT => {}
        Ok(turn) => {
            let turned = Turned { job, exit: exit.code(), recovered: turn == Turn::Recovered, cause };
            if let Err(error) = notify::turned(&protection, &turned) {
                output::note(&format!("nobody could be told: {}", complaint::chain(&error)))?;
            }
        }
        // What the verb itself says is more to the point.
        Err(_) if ended.is_err() => {}
        Err(error) => output::note(&format!("that {job} ended is not remembered: {}", complaint::chain(&error)))?,
    }
    ended
}

/// The job that a command line is, and where jobs are remembered, with a vault or without one; none where nothing can be.
fn job_of(arguments: &Arguments) -> Option<(&'static str, Protection)> {
    let job = arguments.job()?;
    let file = configuration::locate(arguments.global.config.as_deref(), None).ok()?;
    Some((job, Protection::load(&file).ok()??))
}
