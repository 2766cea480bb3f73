//! One file (or folder) for each verb of the command line.

pub(crate) mod doctor;

use crate::arguments::{Arguments, Verb};
use crate::exit::Exit;

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Doctor(verb) => doctor::run(verb, &arguments.global),
    }
}
