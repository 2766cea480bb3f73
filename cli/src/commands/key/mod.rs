//! `coffre key`: the keys of a vault, as far as its own user handles them.

mod kit;
mod rotate;
mod rotate_data;
mod shares;

use clap::{Args, Subcommand};

use crate::arguments::Global;
use crate::exit::Exit;

/// The arguments of `coffre key`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Replace the root key, which all other keys are wrapped by; or, with --data, encrypt everything anew
    Rotate(rotate::RotateArguments),
    /// Split the recovery identity among holders, so that any M of N open the backups together
    Shares(shares::SharesArguments),
    /// Print the recovery kit: what to do after a disaster, with whom, and from where
    Kit(kit::KitArguments),
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Rotate(verb) => rotate::run(verb, global)?,
        Verb::Shares(verb) => shares::run(verb, global)?,
        Verb::Kit(verb) => kit::run(verb, global)?,
    }
    Ok(Exit::Success)
}
