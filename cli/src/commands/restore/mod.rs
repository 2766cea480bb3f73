//! `coffre restore`: from a backup to a vault, in two halves. The blind one fetches and proves every byte without a key;
//! then the recovery identity opens what was fetched, everything is checked from the inside, and a new generation
//! begins. It can be stopped and run again at any moment.

mod elsewhere;
mod origin;
mod pins;
mod preview;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use coffre_backup::Sources;
use coffre_backup::restore::{self, LostLog, Plan, Restored as Fetched};
use coffre_core::ids::GenerationId;
use coffre_core::note::VerificationKey;
use coffre_core::spool::{Ordinal, Pinned, Wanted};
use coffre_core::time::Timestamp;
use coffre_store::clock::{Clock as _, SystemClock, SystemEntropy};
use coffre_store::{Checking, Identity, Restored};
use serde::Serialize;

use self::origin::Origin;
use self::preview::Preview;
use self::report::Report;
use crate::arguments::Global;
use crate::configuration;
use crate::exit::Exit;
use crate::output;
use crate::owner;
use crate::progress::{Bar, Unit, Watch};
use crate::recovery::RecoveryArgument;

/// The arguments of `coffre restore`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A spool or a destination (a folder, or its name in the configuration), or a restic repository: `restic`, the name
    /// of a copy, or as `restic --repo` takes it
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Where the keyring is: a spool or a destination; otherwise the same place. A repository never holds it
    #[arg(long, value_name = "PLACE")]
    keyring: Option<PathBuf>,
    /// A new or empty directory, or one that this restore was begun in
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    recovery: RecoveryArgument,
    /// The vault's verification key; otherwise the one in the configuration, never one from the backup
    #[arg(long, value_name = "KEY")]
    vault_key: Option<VerificationKey>,
    /// Restore this point (GENERATION/NUMBER, see `coffre backup list`) instead of the newest; GENERATION alone: the newest of
    /// it, where two go on side by side
    #[arg(long, value_name = "POINT", value_parser = point)]
    point: Option<Wanted>,
    /// Restore records to the newest moment that was captured at this time or before it (2026-11-22T15:32:00Z). The log,
    /// withdrawals, restrictions, holds, revocations, erasures and documents are the newest all the same
    #[arg(long, value_name = "TIME", conflicts_with = "point")]
    at: Option<Timestamp>,
    /// Where the newest part of the log cannot be had, go on with the newest that can; the restored log tells it
    #[arg(long)]
    accept_lost_log: bool,
    /// Print what would be fetched and which moment that is, and fetch nothing
    #[arg(long)]
    plan: bool,
    /// Of a restic repository: this snapshot instead of the newest
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Of a restic repository: the file with its password; otherwise the one in the configuration
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The restic program; otherwise the one in the configuration, or in PATH
    #[arg(long, value_name = "PROGRAM")]
    restic: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Restores and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let pinned = pins::pinned(arguments.vault_key.as_ref(), global)?;
    let directory = std::path::absolute(&arguments.to)?;
    // Before anybody types a share: what is named wrongly is told.
    let origin = Origin::find(arguments, global)?;
    // A plan opens nothing. A restore asks at once, and not after hours of fetching.
    let recovered = if arguments.plan {
        None
    } else {
        owner::must_make(&directory)?;
        restore::may_begin_in(&directory)?;
        Some(arguments.recovery.open(Some(&pinned.key))?)
    };
    let mut watch = Watch::new();
    let place = origin.open(&pinned, &directory, &mut watch)?;
    let plan = plan(arguments, &pinned, &place.sources(), &mut watch)?;
    elsewhere::tell(&plan, &pinned, &arguments.from, global, &watch)?;
    let preview = Preview::of(&plan);
    let Some(recovered) = recovered else {
        drop(watch);
        return print(arguments, &preview, Preview::lines);
    };
    if !arguments.json {
        watch.bar().beside(|| output::line(preview.lines()))?;
    }
    let fetched = restore::execute(&plan, &place.sources(), &directory, &mut watch)?;
    let fetched_after = begun.elapsed();
    let restored = open(&fetched, &pinned, &recovered.identity, watch.bar())?;
    let report = Report::of(&fetched, &restored, fetched_after, begun.elapsed());
    configuration::pin(&directory, &pinned.scope.environment, &pinned.scope.vault.to_string(), &pinned.key.to_string())
        .context("the vault's coffre.toml cannot be written: free space, then run the same command again")?;
    // Only now is the directory a vault and no restore.
    fetched.finish()?;
    drop(watch);
    if let Some(recipient) = &restored.replaced_by {
        output::note(&format!(
            "the base is of a time before the recovery identity was replaced, and so is the restored vault: make it that of \
             {recipient} again, with `coffre key rotate --recovery-recipient`"
        ))?;
    }
    print(arguments, &report, Report::lines)
}

fn print<T: Serialize>(arguments: &Arguments, what: &T, lines: impl Fn(&T) -> String) -> anyhow::Result<Exit> {
    if arguments.json {
        output::json(what)?;
    } else {
        output::line(lines(what))?;
    }
    Ok(Exit::Success)
}

fn plan(arguments: &Arguments, pinned: &Pinned, sources: &Sources<'_>, watch: &mut Watch) -> anyhow::Result<Plan> {
    let wanted = match (arguments.point, arguments.at) {
        (Some(point), _) => point,
        (None, Some(moment)) => Wanted::At(moment),
        (None, None) => Wanted::Newest,
    };
    let lost_log = if arguments.accept_lost_log { LostLog::Accept } else { LostLog::Refuse };
    Ok(restore::plan(sources, pinned, wanted, lost_log, watch)?)
}

fn open(fetched: &Fetched, pinned: &Pinned, identity: &Identity, bar: &Bar) -> anyhow::Result<Restored> {
    let (main, keyring) = fetched.parents();
    let operator = Some(format!("uid-{}", rustix::process::getuid().as_raw()));
    let moment = fetched.rewound.as_ref().map(|rewound| coffre_store::Moment {
        generation: rewound.base.0,
        time: rewound.time,
        audit_head: rewound.audit_head.clone(),
    });
    let (key, lost) = (pinned.key.clone(), fetched.lost.clone());
    let proof = coffre_store::Fetched { key, main, keyring, moment, lost, operator };
    let mut show = |checking: Checking| match checking {
        Checking::Pages(database) => bar.show(format!("checking {}", database.file_name()), Unit::Things, 0, 0),
        Checking::Log(entries) => bar.show(format!("verifying the log: entry {entries}"), Unit::Things, 0, 0),
        Checking::Values(entries) => bar.show(format!("hashing values: entry {entries}"), Unit::Things, 0, 0),
        Checking::Records(records) => bar.show(format!("opening records: {records}"), Unit::Things, 0, 0),
        Checking::Documents(documents) => bar.show(format!("opening documents: {documents}"), Unit::Things, 0, 0),
    };
    let now = SystemClock.now();
    Ok(coffre_store::finish_restore(fetched.directory(), identity, &proof, now, &mut SystemEntropy, &mut show)?)
}

fn point(text: &str) -> Result<Wanted, String> {
    let wrong = || "expected GENERATION/NUMBER, as `coffre backup list` prints it, or GENERATION alone".to_owned();
    let generation = |text: &str| text.parse::<GenerationId>().map_err(|_| wrong());
    let Some((of, number)) = text.split_once('/') else { return generation(text).map(Wanted::NewestOf) };
    let number = number.parse().ok().and_then(Ordinal::new).ok_or_else(wrong)?;
    Ok(Wanted::Exactly(generation(of)?, number))
}
