//! `coffre policy`: what the policies say, without a vault. Which policies: those of a folder, or those compiled in.

mod check;
mod diff;
mod explain;
mod matrix;
mod test;
mod words;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use coffre_policies::{Comparison, LoadError, Policies, Sources};

use crate::arguments::Global;
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::language::Language;

/// The arguments of `coffre policy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Load and validate a policy folder: whether it could go into force
    Check(check::Arguments),
    /// Run the decision cases of a policy folder, and show what is decided otherwise than expected
    Test(test::Arguments),
    /// Say what changes from one policy folder to another: who may do what that could not, or no longer may
    Diff(diff::Arguments),
    /// Show who may read what: roles against categories, by purpose
    Matrix(matrix::Arguments),
    /// Say what the policies decide in one case, and which of them decided
    Explain(explain::Arguments),
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Check(verb) => check::run(verb, global),
        Verb::Test(verb) => test::run(verb, global),
        Verb::Diff(verb) => diff::run(verb),
        Verb::Matrix(verb) => matrix::run(verb, global),
        Verb::Explain(verb) => explain::run(verb, global),
    }
}

/// What changes from one policy set to another, in the reader's language.
pub(crate) fn differences(old: &Policies, new: &Policies, language: Language) -> String {
    diff::lines(&Comparison::between(old, new), language)
}

/// The policy folder that is named, or that the configuration names; none stands for the policies compiled in.
pub(crate) fn folder(named: Option<&Path>, global: &Global) -> anyhow::Result<Option<PathBuf>> {
    if named.is_some() {
        return Ok(named.map(Path::to_owned));
    }
    match (configuration::locate(global.config.as_deref(), None), &global.config) {
        (Ok(file), _) => Ok(Configuration::load(&file)?.policies),
        (Err(_), None) => Ok(None),
        (Err(error), Some(_)) => Err(error.into()),
    }
}

/// Loads and validates them.
pub(crate) fn load(folder: Option<&Path>) -> Result<Policies, LoadError> {
    Policies::from_sources(&sources(folder)?)
}

/// The files that they are read from.
pub(crate) fn sources(folder: Option<&Path>) -> Result<Sources, LoadError> {
    folder.map_or_else(|| Ok(Sources::embedded()), Sources::read)
}
