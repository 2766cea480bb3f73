//! `coffre`: one binary for the vault, its server and its backups. This crate holds arguments, configuration, wiring
//! and reports; what they wire together is in the libraries. The only crate that prints, and that ends the process.

mod accounts;
mod arguments;
mod client;
mod commands;
mod complaint;
mod configuration;
mod control;
mod daily_head;
mod demo;
mod drill;
mod exit;
mod figures;
mod interrupt;
mod language;
mod output;
mod place;
mod progress;
mod role_names;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = commands::run(&arguments)
        .unwrap_or_else(|error| if closed_pipe(&error) { Exit::Success } else { complain(&error) });
    exit.into()
}

fn complain(error: &anyhow::Error) -> Exit {
    // There is nowhere left to tell that standard error is closed.
    io::stderr().write_all(complaint::two_lines(error).as_bytes()).ok();
    Exit::of(error)
}

/// Whether the reader of standard output has seen enough, as in `coffre audit export | head`.
fn closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
