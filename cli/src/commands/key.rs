//! `coffre key`: the keys of a vault, as far as its own user handles them.

use clap::{Args, Subcommand};

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre key`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Replace the root key, which all other keys are wrapped by
    Rotate {
        #[command(flatten)]
        vault: VaultArgument,
    },
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Rotate { vault } => rotate(&Control::of(&Place::find(vault, global)?)?)?,
    }
    Ok(Exit::Success)
}

fn rotate(control: &Control) -> anyhow::Result<()> {
    control.post("/v1/keys/rotate", None)?;
    output::note(
        "older backups hold the former root, for the same recovery identity: a server that captures continuously takes a new one by itself; otherwise take a new one now, with `coffre backup run --base`",
    )?;
    Ok(output::line("rotated: the root key; the server identity and the recovery identity open the new one")?)
}
