//! `coffre backup check`: whether restic finds a repository in order, and whether all of it can be read, a part at a time.
//! What the signed manifests in it say is for `coffre backup verify`.

use clap::Args;
use coffre_backup::maintenance::{self, Checked};
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::figures;
use crate::progress::Watch;

/// The arguments of `coffre backup check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The repository, by its name in the configuration
    #[arg(value_name = "NAME", default_value = RESTIC)]
    name: String,
    /// Read everything now, instead of what keeps pace with the declared period
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

impl Arguments {
    /// The job that it is; none where somebody looks at another repository.
    pub(super) fn job(&self) -> Option<&'static str> {
        (self.name == RESTIC).then_some("check")
    }
}

/// Checks and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(check(arguments, global), arguments.repository.json)
}

fn check(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    // A check locks the repository, which needs to remove the lock and no more.
    let repository = setting.open(&arguments.name, May::Add)?;
    let upkeep = setting.upkeep(&arguments.name, &repository);
    let rotation = setting.restic.rotation();
    let done = maintenance::check(&upkeep, rotation, arguments.all, &|| SystemClock.now(), &mut Watch::new())?;
    let Checked { parts, whole_since, overdue } = &done;
    let which = if arguments.all {
        "all of it".to_owned()
    } else {
        let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        format!("part {} of {}", parts.join(", "), rotation.parts)
    };
    let mut lines = vec![format!("{}: in order, {which} was read", arguments.name)];
    lines.push(match whole_since {
        Some(time) => format!("everything was read since {}", figures::moment(*time)),
        None => format!("not everything was read yet, {overdue} parts are due within {} days", rotation.days),
    });
    let value = json!({
        "name": arguments.name, "parts": parts, "of": rotation.parts, "whole_since": whole_since, "overdue": overdue,
    });
    Ok(Outcome { lines, value, exit: Exit::Success })
}
