//! `coffre backup report`: how backups stand, for people. The morning report, also when all is green: the last restorable
//! moment, copies, the last drill, and retention apart from them, since backups can be green while pruning fails.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use coffre_backup::destination::FileSystem;
use coffre_backup::jobs::Jobs;
use coffre_backup::measure::{self, Measurement, held_bytes};
use coffre_backup::state::State;
use coffre_backup::status::{self, Examined, TargetStatus};
use coffre_core::time::Timestamp;
use coffre_store::clock::{Clock as _, SystemClock};
use hyper::Method;

use super::setting::{ResticArgument, Setting};
use super::status::examined;
use super::{upkeep, without_vault};
use crate::arguments::Global;
use crate::client;
use crate::commands::drill::History;
use crate::complaint::Complaint;
use crate::configuration::Notify;
use crate::exit::Exit;
use crate::language::Language;
use crate::notify;
use crate::progress::Watch;
use crate::report::{Copy, Drills, Facts, JobFact, page, text};
use crate::schedule::{JOBS, Row};
use crate::{complaint, new_file, output};

/// The arguments of `coffre backup report`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Send it to whoever is named in [notify]
    #[arg(long)]
    send: bool,
    /// Write it as one page, with charts, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// In this language instead of the one in [notify]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Tongue>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tongue {
    Fr,
    En,
}

/// The arguments of `coffre backup measure`.
#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// The arguments of `coffre backup heartbeat`.
#[derive(Debug, Args)]
pub(crate) struct HeartbeatArguments {
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// A report that is only looked at is no job.
    pub(super) fn job(&self) -> Option<&'static str> {
        self.send.then_some("report")
    }
}

/// Gathers and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let (facts, notify) = gather(global)?;
    let language = match arguments.language {
        Some(Tongue::Fr) => Language::French,
        Some(Tongue::En) => Language::English,
        None => notify.language(),
    };
    let write = |file: &PathBuf| {
        let written = std::fs::write(file, page(&facts, language, true));
        written.map_err(|error| new_file::refused(file, "name another file", error))
    };
    // Whatever becomes of the file, people are told.
    let written = arguments.html.as_ref().map_or(Ok(()), write);
    if arguments.send {
        notify::send(&notify, &facts.message(language))?;
    }
    written?;
    if arguments.json {
        output::json(&facts.as_json())?;
    } else {
        output::line(text(&facts, language).trim_end())?;
    }
    Ok(Exit::Success)
}

/// Measures each destination, for the charts.
pub(crate) fn measure(arguments: &MeasureArguments, global: &Global) -> anyhow::Result<Exit> {
    let setting = Setting::read(global, &ResticArgument { restic: None })?;
    let state = State::load(&setting.state)?;
    let now = SystemClock.now();
    let mut watch = Watch::new();
    let looked = examined(&setting, &state, &mut watch);
    let spool = FileSystem::new(&setting.spool);
    let mut measured = Vec::new();
    for ((name, destination), (_, examined)) in setting.destinations.iter().zip(&looked) {
        let captured = match examined {
            Some(Examined::Newest(newest)) => *newest,
            _ => None,
        };
        let behind = captured.and_then(|_| status::behind(&spool, &**destination, &setting.pinned, &mut watch).ok());
        let bytes = captured.and_then(|_| held_bytes(&**destination, &setting.pinned, &mut watch).ok());
        let age = captured.map(|captured| (now.as_seconds() - captured.as_seconds()).max(0));
        measured.push(Measurement { time: now, name: name.clone(), age, behind: behind.map(|b| b.seconds), bytes });
    }
    drop(watch);
    measure::add(&setting.state, measured.clone(), now)?;
    if arguments.json {
        output::json(&serde_json::json!({ "exit_code": 0, "measured": measured }))?;
    } else {
        output::line(format!("{} destinations measured", measured.len()))?;
    }
    Ok(Exit::Success)
}

/// Calls the heartbeat if all is well. Its silence is what alarms, so nothing else is told here.
pub(crate) fn heartbeat(arguments: &HeartbeatArguments, global: &Global) -> anyhow::Result<Exit> {
    const ITSELF: &str = "heartbeat";
    let (mut facts, notify) = gather(global)?;
    let Some(url) = &notify.heartbeat else {
        return Err(Complaint::usage("no heartbeat is configured", "set `heartbeat` in [notify]").into());
    };
    facts.jobs.retain(|job| job.name != ITSELF);
    let well = facts.problems().is_empty();
    if well {
        notify::heartbeat(&notify, url)?;
    }
    let exit = if well { Exit::Success } else { Exit::ObjectiveMissed };
    if arguments.json {
        output::json(&serde_json::json!({ "exit_code": exit.code(), "called": well, "problems": facts.problems() }))?;
    } else if well {
        output::line("all is well, and the heartbeat was called")?;
    } else {
        output::line(text(&facts, Language::English).trim_end())?;
    }
    Ok(exit)
}

fn gather(global: &Global) -> anyhow::Result<(Facts, Notify)> {
    if let Some(host) = without_vault::host(global)? {
        return Ok((without_vault::facts(&host, SystemClock.now())?, host.notify));
    }
    let setting = Setting::read(global, &ResticArgument { restic: None })?;
    Ok((of_vault(&setting)?, setting.notify))
}

fn of_vault(setting: &Setting) -> anyhow::Result<Facts> {
    let state = State::load(&setting.state)?;
    let now = SystemClock.now();
    let mut watch = Watch::new();
    let looked = examined(setting, &state, &mut watch);
    drop(watch);
    let pairs = looked.iter().map(|(name, examined)| (*name, examined.as_ref()));
    let stands = status::status(&state, pairs, setting.objective_seconds, now);
    let copies = stands.targets.into_iter().zip(&looked).map(|(target, (_, examined))| copy(target, examined.as_ref()));
    Ok(Facts {
        environment: setting.pinned.scope.environment.clone(),
        vault: Some(setting.pinned.scope.vault),
        at: now,
        objective_seconds: setting.objective_seconds,
        copies: copies.collect(),
        sources: without_vault::sources(&setting.state, &setting.sources, now)?,
        repositories: upkeep::remembered(&setting.state, setting.repositories.as_ref(), &setting.rows, now)?,
        drills: drills(setting),
        jobs: jobs(&Jobs::seen(&setting.state)?, &setting.rows, now),
        measurements: measure::load(&setting.state)?,
    })
}

fn copy(target: TargetStatus, examined: Option<&Examined>) -> Copy {
    let unreachable = match examined {
        Some(Examined::Unreachable(error)) => Some(complaint::chain(error)),
        _ => None,
    };
    let fault = target.fault.map(|fault| fault.to_string());
    Copy {
        name: target.name,
        captured: target.captured,
        age_seconds: target.age,
        within: target.within,
        trouble: fault.or(unreachable).or(target.last_failure.map(|failed| failed.cause)),
    }
}

fn drills(setting: &Setting) -> Drills {
    let Some(socket) = &setting.backup_socket else {
        let cause = "the configuration names no vault that could be asked: set `backup_socket` in [server]".to_owned();
        return Drills::Unknown { cause };
    };
    match client::ask::<History>(socket, Method::GET, "/v1/drills") {
        Ok(History { drills, overdue, .. }) => Drills::Known { drills, overdue },
        Err(error) => Drills::Unknown { cause: complaint::chain(&error) },
    }
}

/// Jobs that are in the timetable or were ever run, in the order of the table of jobs.
pub(super) fn jobs(known: &Jobs, rows: &[Row], now: Timestamp) -> Vec<JobFact> {
    let fact = |job: &'static crate::schedule::Job| {
        let row = rows.iter().find(|row| row.job == job);
        let memory = known.jobs.get(job.name).cloned();
        if row.is_none() && memory.is_none() {
            return None;
        }
        let memory = memory.unwrap_or_default();
        Some(JobFact {
            name: job.name,
            about: job.about,
            last_success: memory.last_success,
            code: memory.code,
            failures: memory.failures,
            failed: memory.last_failure(),
            cut_off: memory.is_cut_off(),
            late: row.is_some_and(|row| row.is_late(&memory, now)),
            in_future: memory.succeeded_in_future(now),
            next: row.and_then(|row| row.next_after(now)),
        })
    };
    JOBS.iter().filter_map(fact).collect()
}
