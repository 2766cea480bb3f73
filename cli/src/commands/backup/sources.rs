//! `coffre backup sources`: how old the last good backup of each other system on this host is.

use clap::Args;
use coffre_backup::other_sources::{OtherSource, SourceStanding, SourcesState, standing};
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::outcome::{Outcome, conclude};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Protection};
use crate::exit::Exit;
use crate::figures;

/// The arguments of `coffre backup sources`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of lines with one at their end
    #[arg(long)]
    json: bool,
}

/// Looks and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(look(global), arguments.json)
}

pub(super) fn look(global: &Global) -> anyhow::Result<Outcome> {
    let file = configuration::locate(global.config.as_deref(), None)?;
    let protection = Protection::load(&file)?.filter(|protection| !protection.sources.is_empty()).ok_or_else(|| {
        let cause = format!("{} has no [[backup.source]]", file.display());
        Complaint::usage(cause, "add one, see docs/OPERATIONS.md")
    })?;
    let state = SourcesState::load(&protection.state)?;
    let stands = standing(&state, &protection.sources, SystemClock.now());
    let pairs: Vec<(&OtherSource, &SourceStanding)> = protection.sources.iter().zip(&stands).collect();
    let late = stands.iter().any(|stands| !stands.within);
    Ok(Outcome {
        lines: pairs.iter().flat_map(|(source, stands)| told(source, stands)).collect(),
        value: json!({ "sources": pairs.iter().map(|(source, stands)| as_json(source, stands)).collect::<Vec<_>>() }),
        exit: if late { Exit::ObjectiveMissed } else { Exit::Success },
    })
}

fn told(source: &OtherSource, stands: &SourceStanding) -> Vec<String> {
    let state = if stands.within { "ok  " } else { "LATE" };
    let sealed = if source.sensitive { "encrypted" } else { "not sensitive" };
    let last = match (&stands.state.last_good, stands.age) {
        (Some(good), Some(age)) => {
            let (old, time, bytes) = (figures::old(age), figures::moment(good.time), figures::bytes(good.bytes));
            format!("last good backup {old} ({time}, {bytes})")
        }
        _ => "no good backup yet".to_owned(),
    };
    let mut lines = vec![format!("{state}  {} ({}, {sealed}): {last}", stands.name, source.kind.as_str())];
    lines.extend(stands.state.last_failure.iter().map(|failed| {
        let time = figures::moment(failed.time);
        format!("      failed {} times since, last {time}: {}", stands.state.failures, failed.cause)
    }));
    lines
}

fn as_json(source: &OtherSource, stands: &SourceStanding) -> Value {
    json!({
        "name": stands.name, "kind": source.kind.as_str(), "sensitive": source.sensitive, "within": stands.within,
        "objective_seconds": source.objective_seconds, "age_seconds": stands.age,
        "last_good": stands.state.last_good, "last_failure": stands.state.last_failure,
        "failures": stands.state.failures,
    })
}
