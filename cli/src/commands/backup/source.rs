//! `coffre backup source run` and `restore`: another system than the vault, on its own host. No key is there; the one that
//! opens a restored source is the recovery identity, brought for the occasion.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use coffre_backup::other_sources::{
    self, Chosen, Contents, Done, Job, OtherSource, SourceRestoreError, SourceRunError, SourcesState, Which,
};
use coffre_backup::restic::Restic;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::outcome::{Outcome, conclude};
use super::repository::{May, RepositoryArguments, RepositorySetting};
use super::setting::RESTIC;
use crate::arguments::Global;
use crate::complaint::{self, Complaint};
use crate::exit::Exit;
use crate::figures;
use crate::output;
use crate::progress::Watch;
use crate::recovery::{Recovered, RecoveryArgument};

/// The arguments of `coffre backup source`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Back up sources of this host
    Run(RunArguments),
    /// Restore a source into a new folder
    Restore(RestoreArguments),
}

impl Arguments {
    /// The job that this is; a restore is none, nor is a run of some sources only.
    pub(super) fn job(&self) -> Option<&'static str> {
        match &self.verb {
            Verb::Run(verb) => verb.all.then_some("sources"),
            Verb::Restore(_) => None,
        }
    }

    /// Whether it leaves files where jobs are remembered.
    pub(super) const fn leaves_files(&self) -> bool {
        matches!(self.verb, Verb::Run(_))
    }
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The sources, by their names in the configuration
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Create the restic repository if it is not there yet
    #[arg(long)]
    init: bool,
    #[command(flatten)]
    repository: RepositoryArguments,
}

#[derive(Debug, Args)]
struct RestoreArguments {
    /// The source
    name: String,
    /// A new or empty folder
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    recovery: RecoveryArgument,
    /// This snapshot instead of the newest that is remembered as good
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// The repository, by its name in the configuration
    #[arg(long, value_name = "NAME", default_value = RESTIC)]
    from: String,
    #[command(flatten)]
    repository: RepositoryArguments,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Run(verb) => conclude(back_up(verb, global), verb.repository.json),
        Verb::Restore(verb) => conclude(restore(verb, global), verb.repository.json),
    }
}

/// One after the other: one that fails keeps nobody from the next.
fn back_up(arguments: &RunArguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let repository = setting.open(RESTIC, May::Add)?;
    let protection = &setting.protection;
    let job = Job {
        memory: &protection.state,
        environment: &protection.environment,
        repository: &repository,
        restic: setting.program.as_deref(),
        recipient: protection.recipient.as_deref(),
        init: arguments.init,
    };
    let chosen = chosen(&protection.sources, &arguments.names)?;
    let mut watch = Watch::new();
    let (mut lines, mut values, mut worst) = (Vec::new(), Vec::new(), coffre_backup::Ending::Success);
    for source in chosen {
        let result = other_sources::back_up(&job, source, &|| SystemClock.now(), &mut watch);
        worst = worst.max(result.as_ref().err().map_or(coffre_backup::Ending::Success, coffre_backup::Ends::ending));
        lines.extend(told(source, &result));
        values.push(as_json(source, &result));
    }
    Ok(Outcome { lines, value: json!({ "sources": values }), exit: worst.into() })
}

fn chosen<'a>(sources: &'a [OtherSource], names: &[String]) -> Result<Vec<&'a OtherSource>, Complaint> {
    let known = || sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|name| !sources.iter().any(|source| source.name == **name)) {
        return Err(Complaint::usage(format!("there is no source {unknown:?}"), format!("name one of {}", known())));
    }
    if sources.is_empty() {
        return Err(Complaint::usage("there is no source", "add a [[backup.source]], see docs/OPERATIONS.md"));
    }
    Ok(sources.iter().filter(|source| names.is_empty() || names.contains(&source.name)).collect())
}

fn told(source: &OtherSource, result: &Result<Done, SourceRunError>) -> Vec<String> {
    let name = &source.name;
    let mut lines = vec![match result {
        Ok(Done { good, .. }) => {
            let (bytes, added) = (figures::bytes(good.bytes), figures::bytes(good.added));
            format!("ok      {name}: {bytes} read, the repository grew by {added}")
        }
        Err(error) => format!("FAILED  {name}: {}", complaint::chain(error)),
    }];
    for (path, trouble) in troubles(result) {
        lines.push(format!("        {}: {}", trouble.as_str(), output::on_one_line(path)));
    }
    lines
}

fn troubles(result: &Result<Done, SourceRunError>) -> &[(String, other_sources::Trouble)] {
    match result {
        Ok(Done { contents: Contents { troubles, .. }, .. })
        | Err(SourceRunError::Lacking { contents: Contents { troubles, .. }, .. }) => troubles,
        Err(_) => &[],
    }
}

fn as_json(source: &OtherSource, result: &Result<Done, SourceRunError>) -> Value {
    let troubles = troubles(result).iter().map(|(path, trouble)| json!({ "path": path, "trouble": trouble.as_str() }));
    let troubles: Vec<Value> = troubles.collect();
    let (name, kind) = (&source.name, source.kind.as_str());
    match result {
        Ok(Done { good, contents }) => json!({
            "name": name, "kind": kind, "done": true, "snapshot": good.snapshot, "bytes": good.bytes,
            "added": good.added, "files": contents.files, "seconds": good.seconds, "files_with_trouble": troubles,
        }),
        Err(error) => json!({
            "name": name, "kind": kind, "done": false, "error": complaint::chain(error), "files_with_trouble": troubles,
        }),
    }
}

fn restore(arguments: &RestoreArguments, global: &Global) -> anyhow::Result<Outcome> {
    let setting = RepositorySetting::read(global, &arguments.repository.restic)?;
    let repository = setting.open(&arguments.from, May::Add)?;
    let restic = Restic::find(setting.program.as_deref())?;
    // Where nothing is remembered, or it cannot be read, the newest one is restored, and that is told.
    let memory = SourcesState::load(&setting.protection.state).unwrap_or_default();
    let newest = Which::Newest { good: memory.good_snapshot(&arguments.name) };
    let which = arguments.snapshot.as_deref().map_or(newest, Which::Named);
    let restored = |recovered: Option<&Recovered>| {
        other_sources::restore(
            &restic,
            &repository,
            &setting.protection.environment,
            &arguments.name,
            which,
            recovered.map(|recovered| recovered.identity.as_age()),
            &arguments.to,
            &mut Watch::new(),
        )
    };
    // Such a host pins no vault, so shares are of whichever their pages say.
    let restored = match (arguments.recovery.given(None)?, io::stdin().is_terminal()) {
        (None, true) => match restored(None) {
            Err(SourceRestoreError::NoIdentity) => restored(Some(&arguments.recovery.open(None)?)),
            other => other,
        },
        (recovered, _) => restored(recovered.as_ref()),
    }?;
    let (name, to) = (&arguments.name, arguments.to.display());
    let mut lines = vec![format!("{name}: {} of {} restored into {to}", figures::bytes(restored.bytes), restored.time)];
    lines.extend(doubt(&restored.chosen));
    let value = json!({
        "name": name, "snapshot": restored.snapshot, "time": restored.time, "bytes": restored.bytes,
        "chosen": restored.chosen.as_str(),
    });
    Ok(Outcome { lines, value, exit: Exit::Success })
}

/// What is to be known of the snapshot that was restored, if anything is in doubt.
fn doubt(chosen: &Chosen) -> Option<String> {
    match chosen {
        Chosen::Named | Chosen::Good => None,
        Chosen::GoodBeforeNewest { snapshot, time } => {
            let id = snapshot.get(..8).unwrap_or(snapshot);
            Some(format!(
                "        it is the last one remembered as good; {id} of {time} is newer, and its run did not end well or \
                 was not one of this host: restore that with --snapshot {id}, into another folder"
            ))
        }
        Chosen::Unproven => Some(
            "        it is the newest one; whether its run came to its end is not remembered on this host: look at \
             what was restored, and take another one with --snapshot ID if it is not whole"
                .to_owned(),
        ),
    }
}
