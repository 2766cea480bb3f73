//! `coffre audit head`: the newest signed head, to be kept elsewhere.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::new_file;
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
        Some(file) => write_new(file, &note)?,
        None => output::line(note.trim_end_matches('\n'))?,
    }
    Ok(Exit::Success)
}

/// Writes a file that was not there.
pub(super) fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    let written = new_file::write(file, new_file::PUBLIC, text.as_bytes());
    written.map_err(|error| new_file::refused(file, "name a new file in a folder that you may write", error))
}
