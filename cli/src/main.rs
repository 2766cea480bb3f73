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
mod look;
mod new_file;
mod notify;
mod officer_key;
mod output;
mod owner;
mod paper;
mod place;
mod progress;
mod recovery;
mod report;
mod role_names;
mod schedule;
mod terminal;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;

use crate::arguments::Arguments;
use crate::exit::Exit;

fn main() -> ExitCode {
    leave_no_core_file();
    let matches = Arguments::command().get_matches();
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ended = configuration::choose(&mut arguments.global).and_then(|()| schedule::run(&arguments));
    ended.unwrap_or_else(|error| complain(&error, wants_json(&matches))).into()
}

/// Most verbs have keys in memory, and some have shares: none of that goes to a file when the process dies.
fn leave_no_core_file() {
    // A limit can always be lowered; were it not, that would be no reason not to run.
    let _as_it_was = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Whether the verb was asked for JSON: then its failure is told in JSON too, as the last line.
fn wants_json(matches: &ArgMatches) -> bool {
    let below = matches.subcommand().is_some_and(|(_, verb)| wants_json(verb));
    below || matches.try_get_one::<bool>("json").ok().flatten().copied().unwrap_or(false)
}

fn complain(error: &anyhow::Error, in_json: bool) -> Exit {
    if in_json && !output::json_is_told() {
        let (cause, remedy) = complaint::parts(error.chain());
        let told = json!({ "exit_code": Exit::of(error).code(), "error": cause, "help": remedy });
        output::line(told.to_string()).ok();
    }
    // There is nowhere left to tell that standard error is closed.
    io::stderr().write_all(output::shown(&complaint::two_lines(error)).as_bytes()).ok();
    Exit::of(error)
}
