//! `coffre backup prune`: removes the data that no snapshot needs any more.

use clap::Args;
use coffre_backup::maintenance;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;

/// The arguments of `coffre backup prune`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The repository, by its name in the configuration
    #[arg(value_name = "NAME", default_value = RESTIC)]
    name: String,
    /// Only tell how much would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

impl Arguments {
    /// The job that it is; none where somebody only looks, or works on another repository.
    pub(super) fn job(&self) -> Option<&'static str> {
        (!self.dry_run && self.name == RESTIC).then_some("prune")
    }
}

/// Prunes and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(prune(arguments, global), arguments.repository.json)
}

fn prune(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let repository = setting.open(&arguments.name, May::Remove)?;
    let upkeep = setting.upkeep(&arguments.name, &repository);
    let done = maintenance::prune(&upkeep, arguments.dry_run, &|| SystemClock.now(), &mut Watch::new())?;
    let verb = if arguments.dry_run { "would remove" } else { "removed" };
    let figure = |figure: &Option<String>| figure.clone().unwrap_or_else(|| "an unknown amount".to_owned());
    let line = format!("{}: {verb} {}, {} stay", arguments.name, figure(&done.removed), figure(&done.remaining));
    let value = json!({
        "name": arguments.name, "dry_run": arguments.dry_run, "removed": done.removed, "remaining": done.remaining,
    });
    Ok(Outcome { lines: vec![line], value, exit: Exit::Success })
}
