//! One file (or folder) for each verb of the command line.

pub(crate) mod application;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod officer;
pub(crate) mod policy;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod seal;
pub(crate) mod serve;

use crate::arguments::{Arguments, Verb};
use crate::demo;
use crate::exit::Exit;

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Init(verb) => init::run(verb),
        Verb::Doctor(verb) => doctor::run(verb, &arguments.global),
        Verb::Serve(verb) => serve::run(verb, &arguments.global),
        Verb::Seal(verb) => seal::run(verb, &arguments.global),
        Verb::Import(verb) => import::run(verb, &arguments.global),
        Verb::Export(verb) => export::run(verb, &arguments.global),
        Verb::Application(verb) => application::run(verb, &arguments.global),
        Verb::Officer(verb) => officer::run(verb, &arguments.global),
        Verb::Approve(verb) => approve::run(verb, &arguments.global),
        Verb::Key(verb) => key::run(verb, &arguments.global),
        Verb::Policy(verb) => policy::run(verb, &arguments.global),
        Verb::Audit(verb) => audit::run(verb, &arguments.global),
        Verb::Backup(verb) => backup::run(verb, &arguments.global),
        Verb::Retention(verb) => retention::run(verb, &arguments.global),
        Verb::Restore(verb) => restore::run(verb, &arguments.global),
        Verb::Drill(verb) => drill::run(verb, &arguments.global),
        Verb::Demo(verb) => demo::run(verb),
    }
}
