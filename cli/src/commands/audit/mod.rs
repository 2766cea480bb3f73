//! `coffre audit`: the log proves itself, in the vault or as a copy far from it.

mod copy;
mod export;
mod head;
mod proof;
mod report;
mod verify;

use clap::{Args, Subcommand};

use crate::arguments::Global;
use crate::exit::Exit;

/// The arguments of `coffre audit`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Verify every entry of the log against its signed head
    Verify(Box<verify::Arguments>),
    /// Write a static copy of the log that can be verified without the vault
    Export(export::Arguments),
    /// Prove that an entry is in the log, or that the log only grew
    Proof(proof::Arguments),
    /// Tell what the log says of an operator, an application, a period or a person
    Report(report::Arguments),
    /// Give the newest signed head, to be kept elsewhere
    Head(head::Arguments),
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Verify(verb) => verify::run(verb, global),
        Verb::Export(verb) => export::run(verb, global),
        Verb::Proof(verb) => proof::run(verb, global),
        Verb::Report(verb) => report::run(verb, global),
        Verb::Head(verb) => head::run(verb, global),
    }
}
