//! `coffre audit proof`: an entry with its proof, to be handed out; or the proof that the log only grew.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::head::write_new;
use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre audit proof`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// The entry's index
    #[arg(value_name = "INDEX", required_unless_present = "from", conflicts_with = "from")]
    index: Option<u64>,
    /// Write INDEX.json (the entry) and INDEX.tlog-proof into this folder instead of printing the proof
    #[arg(long, value_name = "DIR", requires = "index")]
    into: Option<PathBuf>,
    /// Prove instead that the log only grew since it had this size
    #[arg(long, value_name = "SIZE")]
    from: Option<u64>,
    /// Up to this size; otherwise the newest
    #[arg(long, value_name = "SIZE", requires = "from")]
    to: Option<u64>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize, Serialize)]
struct Proven {
    index: u64,
    entry: String,
    proof: String,
}

#[derive(Deserialize, Serialize)]
struct Grown {
    from: u64,
    to: u64,
    old_root: String,
    new_root: String,
    hashes: Vec<String>,
}

/// Makes the proof.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let control = Control::of(&Place::find(&arguments.vault, global)?)?;
    match (arguments.index, arguments.from) {
        (Some(index), _) => of_entry(arguments, &control.get(&format!("/v1/audit/proof?index={index}"))?.json()?)?,
        (None, from) => {
            let to = arguments.to.map(|to| format!("&to={to}")).unwrap_or_default();
            let path = format!("/v1/audit/proof/consistency?from={}{to}", from.unwrap_or(0));
            of_growth(arguments, &control.get(&path)?.json()?)?;
        }
    }
    Ok(Exit::Success)
}

fn of_entry(arguments: &Arguments, proven: &Proven) -> anyhow::Result<()> {
    if let Some(folder) = &arguments.into {
        let Proven { index, entry, proof } = proven;
        let (entry_file, proof_file) =
            (folder.join(format!("{index}.json")), folder.join(format!("{index}.tlog-proof")));
        write_new(&entry_file, entry)?;
        // One is nothing without the other.
        write_new(&proof_file, proof).inspect_err(|_| drop(fs::remove_file(&entry_file)))?;
        let verify = format!("coffre audit verify --proof {} --entry {}", proof_file.display(), entry_file.display());
        return Ok(output::line(format!("Verify it anywhere: {verify} --vault-key KEY"))?);
    }
    if arguments.json {
        return output::json(proven);
    }
    Ok(output::line(proven.proof.trim_end_matches('\n'))?)
}

fn of_growth(arguments: &Arguments, grown: &Grown) -> anyhow::Result<()> {
    if arguments.json {
        return output::json(grown);
    }
    let Grown { from, to, old_root, new_root, hashes } = grown;
    output::line(format!("from     {from} entries, root {old_root}\nto       {to} entries, root {new_root}"))?;
    Ok(hashes.iter().try_for_each(output::line)?)
}
