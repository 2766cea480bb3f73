//! Jobs: verbs that run by themselves, or are driven from outside. Whoever starts one, it never overlaps itself, its end
//! is remembered, and when it turns from good to bad, to worse, or back, people are told.

mod jobs;
mod keeper;
mod timetable;

use coffre_backup::LockError;
use coffre_backup::jobs::{Jobs, JobsError, Turn, begin};
use coffre_store::clock::{Clock as _, SystemClock};

pub(crate) use jobs::{About, JOBS, Job};
pub(crate) use keeper::keep;
pub(crate) use timetable::Row;

use crate::arguments::Arguments;
use crate::configuration::{self, Protection};
use crate::exit::Exit;
use crate::notify::{self, Turned};
use crate::{commands, complaint, output, owner};

/// Runs a verb, and remembers its end if it is a job.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some((job, protection)) = job_of(arguments) else {
        if arguments.leaves_files()
            && let Some(protection) = protection_of(arguments)
        {
            owner::must_run(&Jobs::file(&protection.state))?;
        }
        return commands::run(arguments);
    };
    owner::must_run(&Jobs::file(&protection.state))?;
    let running = match begin(&protection.state, job, SystemClock.now()) {
        Err(error @ JobsError::Lock(LockError::Held { .. })) => return Err(error.into()),
        begun => begun,
    };
    if running.as_ref().is_ok_and(|running| running.turn() == Turn::Failed) {
        // Told before this one runs, which may end in the same way; that it cannot be told is no reason not to run.
        let cause = "the run before did not come to its end: look at the system's log for what ended it".to_owned();
        let turned = Turned { job, exit: Exit::Failure.code(), recovered: false, cause: Some(cause) };
        tell(&protection, &turned);
    }
    let ended = commands::run(arguments);
    let (exit, cause) = match &ended {
        Ok(exit) => (*exit, None),
        Err(error) => (Exit::of(error), Some(complaint::chain(error.as_ref()))),
    };
    match running.and_then(|running| running.end(SystemClock.now(), exit.code())) {
        Ok(Turn::AsBefore) => {}
        Ok(turn) => {
            tell(&protection, &Turned { job, exit: exit.code(), recovered: turn == Turn::Recovered, cause });
        }
        // What the verb itself says is more to the point.
        Err(_) if ended.is_err() => {}
        Err(error) => note(&format!("that {job} ended is not remembered: {}", complaint::chain(&error))),
    }
    ended
}

/// Tells people, and remembers what they know then. Where nobody was reached it stays news for the next run.
fn tell(protection: &Protection, turned: &Turned) {
    let job = turned.job;
    if job == Job::REPORT {
        // Whoever was not reached by it would not be reached again.
        return;
    }
    let (reached, told) = notify::turned(protection, turned);
    if let Err(error) = told {
        let whom = if reached { "not everybody" } else { "nobody" };
        note(&format!("{whom} could be told: {}", complaint::chain(&error)));
    }
    if reached && let Err(error) = Jobs::told(&protection.state, job, turned.exit) {
        note(&format!("that people were told of {job} is not remembered: {}", complaint::chain(&error)));
    }
}

/// Says something beside a job. Whoever would read it may have gone: that changes no job's end.
fn note(text: &str) {
    let _gone = output::note(text);
}

/// The job that a command line is, and where jobs are remembered, with a vault or without one; none where nothing can be.
fn job_of(arguments: &Arguments) -> Option<(&'static str, Protection)> {
    Some((arguments.job()?, protection_of(arguments)?))
}

fn protection_of(arguments: &Arguments) -> Option<Protection> {
    let file = configuration::locate(arguments.global.config.as_deref(), None).ok()?;
    Protection::load(&file).ok()?
}
