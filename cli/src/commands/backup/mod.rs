//! `coffre backup`: what the backup account runs. It opens no vault and holds no key: base backups are taken by the
//! vault's own process, everything else works on ciphertext and signed manifests.

mod capture;
mod copies;
mod follow;
mod list;
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
    /// Look at which copies of the keyring stand where, and tell the vault: what erasures wait for
    Copies(copies::Arguments),
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
    }
}
