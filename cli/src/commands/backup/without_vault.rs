//! A host that backs up other systems and has no vault: its jobs run by themselves as those of a vault do, are remembered,
//! and are told of when they do not.

use std::path::Path;

use coffre_backup::jobs::Jobs;
use coffre_backup::other_sources::{OtherSource, SourceStanding, SourcesState, standing};
use coffre_core::time::Timestamp;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::outcome::{Outcome, conclude};
use super::{report, sources as of_sources, upkeep};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Protection};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::report::{Drills, Facts, SourceFact};
use crate::schedule;

/// What the configuration says, where it pins no vault.
pub(super) fn host(global: &Global) -> anyhow::Result<Option<Protection>> {
    let file = configuration::locate(global.config.as_deref(), None)?;
    Ok(Protection::load(&file)?.filter(|protection| protection.vault.is_none()))
}

/// Runs what is due until told to stop: there is nothing to follow.
pub(super) fn keep_timetable(host: &Protection, global: &Global) -> anyhow::Result<Exit> {
    let rows = host.schedule.rows();
    if rows.is_empty() {
        let cause = "there is neither a vault to follow nor a job to run";
        return Err(Complaint::usage(cause, "add [schedule.jobs], or start the jobs from outside").into());
    }
    let interrupt = Interrupt::listen();
    schedule::keep(&rows, &host.state, global, &|| interrupt.asked());
    Ok(Exit::Success)
}

/// How it stands: its sources, and the jobs that did not run or failed.
pub(super) fn status(host: &Protection, global: &Global, as_json: bool) -> anyhow::Result<Exit> {
    conclude(look(host, global), as_json)
}

fn look(host: &Protection, global: &Global) -> anyhow::Result<Outcome> {
    let Outcome { mut lines, mut value, mut exit } = of_sources::look(global)?;
    let now = SystemClock.now();
    let jobs = report::jobs(&Jobs::seen(&host.state)?, &host.schedule.rows(), now);
    for job in jobs.iter().filter(|job| job.late) {
        let why = if job.in_future {
            "its last success is in the future: a clock was wrong"
        } else {
            "it did not succeed at its times"
        };
        lines.push(format!("LATE  job {}: {why}", job.name));
        exit = Exit::ObjectiveMissed;
    }
    if let Some(object) = value.as_object_mut() {
        object.insert("jobs".to_owned(), json!(jobs));
    }
    Ok(Outcome { lines, value, exit })
}

/// The facts of a report.
pub(super) fn facts(host: &Protection, now: Timestamp) -> anyhow::Result<Facts> {
    Ok(Facts {
        environment: host.environment.clone(),
        vault: None,
        at: now,
        objective_seconds: host.sources.iter().map(|source| source.objective_seconds).min().unwrap_or_default(),
        copies: Vec::new(),
        sources: sources(&host.state, &host.sources, now)?,
        repositories: upkeep::remembered(&host.state, host.restic.as_ref(), &host.schedule.rows(), now)?,
        drills: Drills::None,
        jobs: report::jobs(&Jobs::seen(&host.state)?, &host.schedule.rows(), now),
        measurements: Vec::new(),
    })
}

/// How other systems stand, on whatever host.
pub(super) fn sources(state: &Path, sources: &[OtherSource], now: Timestamp) -> anyhow::Result<Vec<SourceFact>> {
    let state = SourcesState::load(state)?;
    let fact = |stands: SourceStanding| SourceFact {
        last_good: stands.state.last_good.as_ref().map(|good| good.time),
        age_seconds: stands.age,
        within: stands.within,
        trouble: stands.state.last_failure.map(|failed| failed.cause),
        name: stands.name,
    };
    Ok(standing(&state, sources, now).into_iter().map(fact).collect())
}
