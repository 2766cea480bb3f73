//! `coffre backup forget`: removes the snapshots that no rule of `[backup.restic.keep]` keeps.

use clap::Args;
use coffre_backup::maintenance;
use coffre_backup::restic::{Forgotten, messages::Snapshot};
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;

/// The arguments of `coffre backup forget`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The repository, by its name in the configuration
    #[arg(value_name = "NAME", default_value = RESTIC)]
    name: String,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

impl Arguments {
    /// The job that it is; none where somebody only looks, or works on another repository.
    pub(super) fn job(&self) -> Option<&'static str> {
        (!self.dry_run && self.name == RESTIC).then_some("forget")
    }
}

/// Forgets and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(forget(arguments, global), arguments.repository.json)
}

fn forget(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    // A plan needs no more than to read.
    let may = if arguments.dry_run { May::Add } else { May::Remove };
    let repository = setting.open(&arguments.name, may)?;
    let upkeep = setting.upkeep(&arguments.name, &repository);
    let clock = || SystemClock.now();
    let retention = setting.restic.retention();
    let done = maintenance::forget(&upkeep, &retention, arguments.dry_run, &clock, &mut Watch::new())?;
    Ok(report(&arguments.name, arguments.dry_run, &done))
}

fn report(name: &str, dry_run: bool, done: &Forgotten) -> Outcome {
    let verb = if dry_run { "would remove" } else { "removed" };
    let (kept, removed) = (done.kept.len(), done.removed.len());
    let mut lines: Vec<String> = done.removed.iter().map(|snapshot| format!("{verb}  {}", line(snapshot))).collect();
    lines.push(format!("{name}: {verb} {removed} snapshots, {kept} stay"));
    let ids: Vec<&str> = done.removed.iter().map(|snapshot| snapshot.id.as_str()).collect();
    let value = json!({ "name": name, "dry_run": dry_run, "removed": ids, "kept": kept });
    Outcome { lines, value, exit: Exit::Success }
}

fn line(snapshot: &Snapshot) -> String {
    let id: String = snapshot.id.chars().take(8).collect();
    format!("{id}  {}  {}", snapshot.time.get(..19).unwrap_or(&snapshot.time), snapshot.hostname)
}
