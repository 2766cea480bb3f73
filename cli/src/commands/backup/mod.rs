//! `coffre backup`: what the backup account runs. It opens no vault and holds no key: base backups are taken by the
//! vault's own process, everything else works on ciphertext and signed manifests.

mod capture;
mod copies;
mod follow;
mod list;
mod report;
mod run;
mod setting;
mod status;
mod verify;
mod visit;

use clap::{Args, Subcommand};

use crate::arguments::Global;
use crate::exit::Exit;

/// The arguments of `coffre backup`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Have everything captured, copy it to every destination, make a snapshot with restic
    Run(run::Arguments),
    /// Copy whatever is captured to every destination within a second, until stopped
    Follow(follow::Arguments),
    /// List the restore points of a place
    List(list::Arguments),
    /// Verify what is stored: signatures, chains, every byte. Needs no key
    Verify(verify::Arguments),
    /// Tell how old the last good backup is; the exit code says whether that is within the objective
    Status(status::Arguments),
    /// Tell people how backups stand: a page, a mail, a signed request. For every morning, also when all is well
    Report(report::Arguments),
    /// Note how far each destination lags and how much it holds, for the charts of 90 days
    Measure(report::MeasureArguments),
    /// Call the heartbeat if all is well; whoever watches it alerts when no call comes
    Heartbeat(report::HeartbeatArguments),
    /// Look at which copies of the keyring stand where, and tell the vault: what erasures wait for
    Copies(copies::Arguments),
}

impl Arguments {
    /// The job that this is (`schedule::JOBS`); none for what only looks.
    pub(crate) fn job(&self) -> Option<&'static str> {
        match &self.verb {
            Verb::Run(verb) => Some(verb.job()),
            Verb::Verify(verb) => verb.job(),
            Verb::Copies(_) => Some("copies"),
            Verb::Measure(_) => Some("measure"),
            Verb::Heartbeat(_) => Some("heartbeat"),
            Verb::Report(verb) => verb.job(),
            Verb::Follow(_) | Verb::List(_) | Verb::Status(_) => None,
        }
    }
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Run(verb) => run::run(verb, global),
        Verb::Follow(verb) => follow::run(verb, global),
        Verb::List(verb) => list::run(verb, global),
        Verb::Verify(verb) => verify::run(verb, global),
        Verb::Status(verb) => status::run(verb, global),
        Verb::Copies(verb) => copies::run(verb, global),
        Verb::Report(verb) => report::run(verb, global),
        Verb::Measure(verb) => report::measure(verb, global),
        Verb::Heartbeat(verb) => report::heartbeat(verb, global),
    }
}
