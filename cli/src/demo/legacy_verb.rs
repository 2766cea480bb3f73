//! `coffre demo legacy`: the fictitious legacy database alone, to try an import on.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::legacy::{Copies, generate};
use crate::exit::Exit;
use crate::output;

/// The arguments of `coffre demo legacy`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How many clients it has
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    clients: u64,
    /// The same number gives the same clients
    #[arg(long, value_name = "NUMBER", default_value_t = super::scene::SEED)]
    seed: u64,
    /// Leave out the copies of contracts, which are by far the most bytes
    #[arg(long)]
    without_copies: bool,
    /// A file that is not there yet; copies of contracts that are files go beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Makes it, and says what an import must find.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let copies = if arguments.without_copies { Copies::LeftOut } else { Copies::Made };
    let made = generate(arguments.clients, arguments.seed, copies, &arguments.out)?;
    if arguments.json {
        output::json(&json!({
            "fictitious": true,
            "file": arguments.out,
            "clients": made.clients,
            "contracts": made.contracts,
            "documents": made.documents,
            "importable": made.importable,
            "importable_documents": made.importable_documents,
            "faults": made.planted.len(),
        }))?;
    } else {
        output::line(format!(
            "{}: {} fictitious clients, {} contracts, {} copies\nan import brings {} records and {} documents, and rejects {} rows",
            arguments.out.display(),
            made.clients,
            made.contracts,
            made.documents,
            made.importable,
            made.importable_documents,
            made.planted.len(),
        ))?;
    }
    Ok(Exit::Success)
}
