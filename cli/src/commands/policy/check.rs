//! `coffre policy check`: whether a policy folder could go into force: it loads and is valid. Whether it decides as it
//! should is for `coffre policy test`.

use std::path::PathBuf;

use clap::Args;
use coffre_policies::Policies;
use serde_json::json;

use crate::arguments::Global;
use crate::exit::Exit;
use crate::output;

/// The arguments of `coffre policy check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Loads and validates; what is wrong is an error with its place and remedy.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let folder = super::folder(arguments.policies.as_deref(), global)?;
    let policies = super::load(folder.as_deref())?;
    if arguments.json {
        output::json(&as_json(&policies))?;
    } else {
        output::line(lines(&policies))?;
    }
    Ok(Exit::Success)
}

fn as_json(policies: &Policies) -> serde_json::Value {
    json!({
        "policy_set": policies.hash().to_string(),
        "record_types": policies.record_types().map(|record_type| record_type.name().to_string()).collect::<Vec<_>>(),
        "purposes": policies.purposes().count(),
        "policies": policies.policies().count(),
    })
}

fn lines(policies: &Policies) -> String {
    format!(
        "policy set  {}\nvalid       {} record types, {} purposes, {} policies",
        policies.hash(),
        policies.record_types().count(),
        policies.purposes().count(),
        policies.policies().count()
    )
}
