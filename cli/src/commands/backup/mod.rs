//! `coffre backup`: what the backup account runs. It opens no vault and holds no key: base backups are taken by the
//! vault's own process, everything else works on ciphertext and signed manifests.

mod capture;
mod check;
mod confirmed;
mod copies;
mod copy;
mod expire_keyring;
mod follow;
mod forget;
mod kept;
mod list;
mod outcome;
mod prune;
mod report;
mod repositories;
mod repository;
mod run;
mod setting;
mod source;
mod sources;
mod status;
mod unlock;
mod upkeep;
mod verify;
mod visit;
mod without_vault;

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
    /// Remove the snapshots that no rule keeps, after a look at which
    Forget(forget::Arguments),
    /// Remove the data that no snapshot needs any more
    Prune(prune::Arguments),
    /// Copy what is new to the second repositories
    Copy(copy::Arguments),
    /// Check a repository and read the next part of it, so that everything is read within the declared period
    Check(check::Arguments),
    /// Tell how the repositories stand: retention, copies, reading, locks
    Repositories(repositories::Arguments),
    /// Remove locks that were left over, each named by a person
    Unlock(unlock::Arguments),
    /// Back up or restore another system than the vault
    Source(source::Arguments),
    /// Tell how old the last good backup of each other system is
    Sources(sources::Arguments),
    /// Tell people how backups stand: a page, a mail, a signed request. For every morning, also when all is well
    Report(report::Arguments),
    /// Note how far each destination lags and how much it holds, for the charts of 90 days
    Measure(report::MeasureArguments),
    /// Call the heartbeat if all is well; whoever watches it alerts when no call comes
    Heartbeat(report::HeartbeatArguments),
    /// Look at which copies of the keyring stand where, and tell the vault: what erasures wait for
    Copies(copies::Arguments),
    /// Remove the copies of the keyring that are old enough, at a destination with a credential that may; after a look at which
    ExpireKeyring(expire_keyring::Arguments),
}

impl Arguments {
    /// The job that this is (`schedule::JOBS`); none for what only looks.
    pub(crate) fn job(&self) -> Option<&'static str> {
        match &self.verb {
            Verb::Run(verb) => Some(verb.job()),
            Verb::Verify(verb) => verb.job(),
            Verb::Copies(_) => Some("copies"),
            Verb::ExpireKeyring(verb) => verb.job(),
            Verb::Measure(_) => Some("measure"),
            Verb::Heartbeat(_) => Some("heartbeat"),
            Verb::Report(verb) => verb.job(),
            Verb::Forget(verb) => verb.job(),
            Verb::Prune(verb) => verb.job(),
            Verb::Copy(verb) => verb.job(),
            Verb::Check(verb) => verb.job(),
            Verb::Source(verb) => verb.job(),
            Verb::Follow(_)
            | Verb::List(_)
            | Verb::Status(_)
            | Verb::Repositories(_)
            | Verb::Unlock(_)
            | Verb::Sources(_) => None,
        }
    }

    /// Whether it leaves files where jobs are remembered: a part of a job does as the job, be it the lock alone.
    pub(crate) fn leaves_files(&self) -> bool {
        match &self.verb {
            Verb::Forget(_) | Verb::Prune(_) | Verb::Copy(_) | Verb::Check(_) | Verb::Unlock(_) => true,
            Verb::Source(verb) => verb.leaves_files(),
            _ => self.job().is_some(),
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
        Verb::Forget(verb) => forget::run(verb, global),
        Verb::Prune(verb) => prune::run(verb, global),
        Verb::Copy(verb) => copy::run(verb, global),
        Verb::Check(verb) => check::run(verb, global),
        Verb::Repositories(verb) => repositories::run(verb, global),
        Verb::Unlock(verb) => unlock::run(verb, global),
        Verb::Source(verb) => source::run(verb, global),
        Verb::Sources(verb) => sources::run(verb, global),
        Verb::Copies(verb) => copies::run(verb, global),
        Verb::ExpireKeyring(verb) => expire_keyring::run(verb, global),
        Verb::Report(verb) => report::run(verb, global),
        Verb::Measure(verb) => report::measure(verb, global),
        Verb::Heartbeat(verb) => report::heartbeat(verb, global),
    }
}
