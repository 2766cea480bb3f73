//! `coffre approve`: what is to take effect is written down where the vault is, read and signed where the officers are, and
//! handed in where the vault is. What two officers must sign, and why: `docs/adr/034-nobody-alone.md`.

mod hand_in;
mod paper;
mod prepare;
mod shown;
mod sign;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use coffre_core::approval::Officer;

use self::shown::Folders;
use crate::arguments::Global;
use crate::commands::officer::Passphrase;
use crate::commands::policy;
use crate::exit::Exit;
use crate::place::VaultArgument;

/// The arguments of `coffre approve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write down which policies are to be approved, for officers to sign
    Policies {
        /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
        #[arg(value_name = "DIR")]
        policies: Option<PathBuf>,
        /// The folder of the policies approved before, to compare with; needed where neither the configuration's nor
        /// those that the binary was built with are these
        #[arg(long, value_name = "DIR")]
        in_force: Option<PathBuf>,
        #[command(flatten)]
        writing: Writing,
    },
    /// Write down which application is to be approved in its role, for officers to sign
    Application {
        /// Its name
        name: String,
        #[command(flatten)]
        writing: Writing,
    },
    /// Write down who the officers are to be, for two of the present ones to sign
    Officers {
        /// The lines of all of them, those who stay included, as `coffre officer keygen` printed them
        #[arg(value_name = "KEY", required = true)]
        officers: Vec<Officer>,
        #[command(flatten)]
        writing: Writing,
    },
    /// Show what such a file says, and sign it: the first officer makes a signed note of it, the second one adds to that
    Sign {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The officer's key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// The folder of the policies that are to be approved; otherwise the configuration's, then those that the binary
        /// was built with
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
        /// The folder of the policies approved before, likewise
        #[arg(long, value_name = "DIR")]
        in_force: Option<PathBuf>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Hand in a note that two officers have signed: what it says takes effect, policies at the next start
    Submit {
        /// The note
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Show what is approved, what is in force, and what waits for officers
    List {
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
}

/// Where what is written down goes, and who signs it at once.
#[derive(Debug, Args)]
struct Writing {
    /// The file that is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Sign it at once with this officer's key file, after it was shown
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: Passphrase,
    /// Sign without asking
    #[arg(long, requires = "key")]
    yes: bool,
    #[command(flatten)]
    vault: VaultArgument,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Policies { policies, in_force, writing } => {
            prepare::policies(policies.as_deref(), in_force.as_deref(), writing, global)?;
        }
        Verb::Application { name, writing } => prepare::application(name, writing, global)?,
        Verb::Officers { officers, writing } => prepare::officers(officers, writing, global)?,
        Verb::Sign { file, key, passphrase, policies, in_force, yes } => {
            let configured = policy::folder(None, global)?;
            let folders = Folders { policies: policies.as_deref(), in_force: in_force.as_deref(), configured };
            sign::existing(file, &folders, &sign::Signing { key, passphrase, yes: *yes })?;
        }
        Verb::Submit { file, vault, json } => hand_in::submit(file, vault, global, *json)?,
        Verb::List { vault, json } => hand_in::list(vault, global, *json)?,
    }
    Ok(Exit::Success)
}
