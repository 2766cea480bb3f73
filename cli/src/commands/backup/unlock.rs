//! `coffre backup unlock`: removes locks that a process left over, each named by whoever has looked at them with
//! `coffre backup repositories`. None that may be in use: those go by this verb alone that may not yet go by themselves.

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

/// The arguments of `coffre backup unlock`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The locks, by the first eight digits of their identifiers or more
    #[arg(value_name = "LOCK", required = true)]
    locks: Vec<String>,
    /// The repository, by its name in the configuration
    #[arg(long, value_name = "NAME", default_value = RESTIC)]
    repository_name: String,
    #[command(flatten)]
    repository: RepositoryArguments,
}

/// Unlocks and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(unlock(arguments, global), arguments.repository.json)
}

fn unlock(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let name = &arguments.repository_name;
    let repository = setting.open(name, May::Remove)?;
    let upkeep = setting.upkeep(name, &repository);
    let removed = maintenance::unlock(&upkeep, &arguments.locks, &|| SystemClock.now(), &mut Watch::new())?;
    let line = |lock: &coffre_backup::restic::LeftLock| {
        let id: String = lock.id.chars().take(8).collect();
        format!("{name}: lock {id} of {} removed", lock.holder)
    };
    let ids: Vec<&str> = removed.iter().map(|lock| lock.id.as_str()).collect();
    let value = json!({ "name": name, "removed": ids });
    Ok(Outcome { lines: removed.iter().map(line).collect(), value, exit: Exit::Success })
}
