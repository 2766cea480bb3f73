//! One file (or folder) for each verb of the command line.

pub(crate) mod audit;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod policy;

use crate::arguments::{Arguments, Verb};
use crate::exit::Exit;

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Init(verb) => init::run(verb),
        Verb::Doctor(verb) => doctor::run(verb, &arguments.global),
        Verb::Policy(verb) => policy::run(verb, &arguments.global),
        Verb::Audit(verb) => audit::run(verb, &arguments.global),
    }
}
