//! `coffre audit head`: the newest signed head, to be kept elsewhere.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre audit head`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// A new file to write it into, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Gives the head as it was signed.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let head = Control::of(&Place::find(&arguments.vault, global)?)?.get("/v1/audit/tree-head")?;
    let note = String::from_utf8(head.body.to_vec())?;
    match &arguments.out {
        Some(file) => new_file(file, &note)?,
        None => output::line(note.trim_end_matches('\n'))?,
    }
    Ok(Exit::Success)
}

/// Writes a file that was not there.
pub(super) fn new_file(file: &PathBuf, text: &str) -> anyhow::Result<()> {
    let refused = || {
        Complaint::usage(
            format!("{} cannot be written", file.display()),
            "name a new file in a folder that you may write",
        )
    };
    let mut new = OpenOptions::new().write(true).create_new(true).open(file).with_context(refused)?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).with_context(refused)
}
