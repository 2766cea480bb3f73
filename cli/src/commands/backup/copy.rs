//! `coffre backup copy`: copies what is new in the repository to the second ones.

use clap::Args;
use coffre_backup::maintenance;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::progress::Watch;

/// The arguments of `coffre backup copy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The repository to copy to, by its name in the configuration; the first one unless named
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Create the repository if it is not there yet
    #[arg(long)]
    init: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

/// Copies and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(copy(arguments, global), arguments.repository.json)
}

fn copy(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let first = setting.restic.copies().next().map(|(name, _)| name.to_owned());
    let name = arguments.name.clone().or(first).filter(|name| name != RESTIC).ok_or_else(|| {
        Complaint::usage("there is no second repository", "add a [[backup.restic.copy]], see docs/OPERATIONS.md")
    })?;
    let (from, to) = (setting.open(RESTIC, May::Add)?, setting.open(&name, May::Add)?);
    let upkeep = setting.upkeep(&name, &to);
    let copied = maintenance::copy(&upkeep, &from, arguments.init, &|| SystemClock.now(), &mut Watch::new())?;
    let line = format!("{name}: {copied} snapshots copied, it has all there are");
    Ok(Outcome { lines: vec![line], value: json!({ "name": name, "copied": copied }), exit: Exit::Success })
}
