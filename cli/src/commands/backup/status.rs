//! `coffre backup status`: how old the last good backup is on each target, as it is found there. The exit code says
//! whether every one is within the objective.

use clap::Args;
use coffre_backup::Ending;
use coffre_backup::destination::FileSystem;
use coffre_backup::spool_size::SpoolUse;
use coffre_backup::state::{State, Target};
use coffre_backup::status::{self, Behind, Examined, Status, TargetStatus, examine};
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::setting::{RESTIC, ResticArgument, Setting};
use super::without_vault;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{figures, output};

/// The arguments of `coffre backup status`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Examines and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    if let Some(host) = without_vault::host(global)? {
        return without_vault::status(&host, global, arguments.json);
    }
    let setting = Setting::read(global, &ResticArgument { restic: None })?;
    let state = State::load(&setting.state)?;
    let mut watch = Watch::new();
    let targets = examined(&setting, &state, &mut watch);
    // A spool that cannot be read, by this account or at all, is no reason to say nothing.
    let spool = FileSystem::new(&setting.spool);
    let mut behind = Vec::new();
    for (_, destination) in &setting.destinations {
        behind.push(status::behind(&spool, &**destination, &setting.pinned, &mut watch).ok());
    }
    drop(watch);
    let examined = targets.iter().map(|(name, examined)| (*name, examined.as_ref()));
    let mut status = status::status(&state, examined, setting.objective_seconds, SystemClock.now());
    // One that this account cannot count is the server's to tell.
    let used = SpoolUse::of(&setting.spool, setting.spool_limit).ok();
    if status.ending == Ending::Success && used.is_some_and(|used| used.is_nearly_full()) {
        status.ending = Ending::ObjectiveMissed;
    }
    if arguments.json {
        output::json(&as_json(&status, &behind, used, setting.objective_seconds))?;
    } else {
        output::line(lines(&status, &targets, &behind, setting.objective_seconds) + &spool_line(used))?;
    }
    Ok(status.ending.into())
}

fn spool_line(used: Option<SpoolUse>) -> String {
    let Some(used) = used else { return String::new() };
    let state = if used.is_nearly_full() { "FULL" } else { "ok  " };
    let limit = used.limit.map(|limit| format!(" of {}", figures::bytes(limit))).unwrap_or_default();
    format!("\n{state}  spool: {}{limit}", figures::bytes(used.bytes))
}

/// Looks at each destination. A repository counts as it is remembered: to look into it takes restic minutes.
pub(super) fn examined<'s>(setting: &'s Setting, state: &State, watch: &mut Watch) -> Vec<(&'s str, Option<Examined>)> {
    let mut targets: Vec<(&str, Option<Examined>)> = Vec::new();
    for (name, destination) in &setting.destinations {
        let known = state.targets.get(name).map(Target::known).unwrap_or_default();
        targets.push((name, Some(examine(&**destination, &setting.pinned, &known, watch))));
    }
    targets.extend(setting.repositories.as_ref().map(|_| (RESTIC, None)));
    targets
}

fn as_json(status: &Status, behind: &[Option<Behind>], used: Option<SpoolUse>, objective_seconds: i64) -> Value {
    let behind = behind.iter().copied().chain(std::iter::repeat(None));
    let target = |(target, behind): (&TargetStatus, Option<Behind>)| {
        json!({
            "name": target.name,
            "within": target.within,
            "captured": target.captured,
            "age_seconds": target.age,
            "behind_seconds": behind.map(|behind| behind.seconds),
            "behind_bytes": behind.map(|behind| behind.bytes),
            "last_failure": target.last_failure,
            "fault": target.fault.as_ref().map(ToString::to_string),
        })
    };
    json!({
        "exit_code": status.ending.code(),
        "spool_bytes": used.map(|used| used.bytes),
        "spool_limit_bytes": used.and_then(|used| used.limit),
        "spool_nearly_full": used.is_some_and(|used| used.is_nearly_full()),
        "objective_seconds": objective_seconds,
        "targets": status.targets.iter().zip(behind).map(target).collect::<Vec<_>>(),
    })
}

fn lines(
    status: &Status,
    examined: &[(&str, Option<Examined>)],
    behind: &[Option<Behind>],
    objective_seconds: i64,
) -> String {
    let behind = behind.iter().copied().chain(std::iter::repeat(None));
    let mut lines = vec![format!("objective: a backup not older than {}", figures::age(objective_seconds))];
    for ((target, (_, examined)), behind) in status.targets.iter().zip(examined).zip(behind) {
        let state = if target.within { "ok  " } else { "LATE" };
        let newest = match (target.captured, target.age) {
            (Some(captured), Some(age)) => format!("{} ({})", figures::old(age), figures::moment(captured)),
            _ => "no backup".to_owned(),
        };
        lines.push(format!("{state}  {}: {newest}", target.name));
        if let Some(Behind { seconds, bytes }) = behind.filter(|behind| behind.bytes > 0) {
            lines.push(format!("      behind the spool by {}, {}", figures::age(seconds), figures::bytes(bytes)));
        }
        lines.extend(target.fault.iter().map(|fault| format!("      FAULT {fault}")));
        if let Some(Examined::Unreachable(error)) = examined {
            lines.push(format!("      as remembered: {error}"));
        }
        if let Some(failed) = &target.last_failure {
            lines.push(format!("      last run failed {}: {}", figures::moment(failed.time), failed.cause));
        }
    }
    if status.targets.is_empty() {
        lines.push("LATE  there is no target: backups go nowhere".to_owned());
    }
    lines.join("\n")
}
