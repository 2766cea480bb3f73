//! `coffre backup copy`: copies what is new in the repository to the second ones, one after the other: one that fails
//! keeps nobody from the next.

use clap::Args;
use coffre_backup::maintenance;
use coffre_backup::restic::Repository;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::complaint::{self, Complaint};
use crate::exit::Exit;
use crate::progress::Watch;

/// The arguments of `coffre backup copy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The repository to copy to, by its name in the configuration; otherwise all second ones
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Create the repository if it is not there yet
    #[arg(long)]
    init: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

impl Arguments {
    /// The job that it is; none where somebody copies to one repository only.
    pub(super) fn job(&self) -> Option<&'static str> {
        self.name.is_none().then_some("copy")
    }
}

/// Copies and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(copy(arguments, global), arguments.repository.json)
}

fn copy(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let names = chosen(arguments.name.as_deref(), &setting)?;
    let from = setting.open(RESTIC, May::Add)?;
    let mut watch = Watch::new();
    let copied = names.iter().map(|name| (*name, one(name, &from, &setting, arguments.init, &mut watch))).collect();
    drop(watch);
    report(copied)
}

/// The repository that is named, or all second ones.
fn chosen<'a>(named: Option<&'a str>, setting: &'a RepositorySetting) -> Result<Vec<&'a str>, Complaint> {
    let all = || setting.restic.copies().map(|(name, _)| name).collect();
    let chosen: Vec<&str> = named.map_or_else(all, |name| vec![name]);
    if chosen.is_empty() || chosen.contains(&RESTIC) {
        let remedy = "add a [[backup.restic.copy]], see docs/OPERATIONS.md";
        return Err(Complaint::usage("there is no second repository", remedy));
    }
    Ok(chosen)
}

/// Copies to one, and says how many snapshots that were.
fn one(
    name: &str,
    from: &Repository,
    setting: &RepositorySetting,
    init: bool,
    watch: &mut Watch,
) -> anyhow::Result<usize> {
    let to = setting.open(name, May::Add)?;
    Ok(maintenance::copy(&setting.upkeep(name, &to), from, init, &|| SystemClock.now(), watch)?)
}

/// A failure at the only one is the verb's own; of several each is told, and the most urgent decides the exit code.
fn report(copied: Vec<(&str, anyhow::Result<usize>)>) -> anyhow::Result<Outcome> {
    let is_only = copied.len() == 1;
    let (mut lines, mut values, mut total, mut exit) = (Vec::new(), Vec::<Value>::new(), 0, Exit::Success);
    for (name, copied) in copied {
        match copied {
            Ok(copied) => {
                lines.push(format!("ok      {name}: {copied} snapshots copied, it has all there are"));
                values.push(json!({ "name": name, "done": true, "copied": copied }));
                total += copied;
            }
            Err(error) if is_only => return Err(error),
            Err(error) => {
                let cause = complaint::chain(error.as_ref());
                exit = exit.worse(Exit::of(&error));
                lines.push(format!("FAILED  {name}: {cause}"));
                values.push(json!({ "name": name, "done": false, "error": cause }));
            }
        }
    }
    Ok(Outcome { lines, value: json!({ "copied": total, "repositories": values }), exit })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_keeps_nobody_from_the_next_and_the_worst_decides() {
        let failed = |exit| -> anyhow::Result<usize> { Err(Complaint::new(exit, "it failed", "mend it").into()) };
        let all = vec![("second", failed(Exit::Temporary)), ("third", Ok(2)), ("fourth", failed(Exit::Tampering))];
        let outcome = report(all).unwrap();
        assert_eq!((outcome.exit, outcome.value.get("copied")), (Exit::Tampering, Some(&json!(2))));
        let begin = |line: &String| line.split(':').next().unwrap_or_default().to_owned();
        let begins: Vec<String> = outcome.lines.iter().map(begin).collect();
        assert_eq!(begins, ["FAILED  second", "ok      third", "FAILED  fourth"]);
        assert!(report(vec![("second", failed(Exit::Temporary))]).is_err(), "it is the verb's own");
    }
}
