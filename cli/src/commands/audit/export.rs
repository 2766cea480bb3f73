//! `coffre audit export`: a static copy of the log that others can verify without the vault.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument, absolute_text, must_be_there};

/// The arguments of `coffre audit export`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// A new or empty folder, written by the vault's own account
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize, Serialize)]
struct Copied {
    origin: String,
    size: u64,
    root: String,
    files: u64,
    bytes: u64,
}

/// Has the copy written.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let control = Control::of(&Place::find(&arguments.vault, global)?)?;
    // The server's working directory is another one.
    let to = absolute_text(&arguments.to)?;
    let copied: Copied = control.post("/v1/audit/export", Some(&json!({ "to": to })))?.json()?;
    // Written last.
    must_be_there(&Path::new(&to).join("checkpoint"))?;
    if arguments.json {
        output::json(&copied)?;
    } else {
        let Copied { origin, size, root, files, bytes } = copied;
        output::line(format!(
            "copied   {size} entries in {files} files, {bytes} bytes: {to}\norigin   {origin}\nroot     {root}\n\n\
             Verify it anywhere: coffre audit verify --copy {to} --vault-key KEY"
        ))?;
    }
    Ok(Exit::Success)
}
