//! Handing in what officers have signed, and how it stands with approvals.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::output;
use crate::place::{Place, VaultArgument};

#[derive(Deserialize, Serialize)]
struct HandedIn {
    approved: String,
    statement: String,
    signed_by: Vec<String>,
}

/// Hands a note in.
pub(super) fn submit(file: &Path, vault: &VaultArgument, global: &Global, json: bool) -> anyhow::Result<()> {
    let note = fs::read_to_string(file).with_context(|| {
        Complaint::usage(format!("{} cannot be read", file.display()), "name the note that two officers have signed")
    })?;
    let control = Control::of(&Place::find(vault, global)?)?;
    let handed_in: HandedIn = control.post("/v1/approvals", Some(&json!({ "note": note })))?.json()?;
    if json {
        return output::json(&handed_in);
    }
    if handed_in.approved == "policies" {
        output::note("a server goes by these policies from its next start on, and by no earlier ones after that")?;
    }
    Ok(output::line(format!("approved: {}, by {}", handed_in.approved, handed_in.signed_by.join(" and ")))?)
}

#[derive(Deserialize)]
struct Standing {
    officers: Option<Value>,
    policies: Policies,
    applications_waiting: Vec<Waiting>,
}

#[derive(Deserialize)]
struct Policies {
    approved: Option<Set>,
    in_force: Option<Set>,
}

#[derive(Deserialize)]
struct Set {
    serial: u64,
    policies: String,
}

#[derive(Deserialize)]
struct Waiting {
    name: String,
    role: String,
}

/// Shows how it stands.
pub(super) fn list(vault: &VaultArgument, global: &Global, json: bool) -> anyhow::Result<()> {
    let answer = Control::of(&Place::find(vault, global)?)?.get("/v1/approvals")?;
    if json {
        return output::json(&answer.json::<Value>()?);
    }
    let Standing { officers, policies, applications_waiting } = answer.json()?;
    if officers.is_none() {
        return Ok(output::line("nobody approves: this vault has no officers")?);
    }
    let set =
        |set: Option<Set>| set.map_or_else(|| "none".to_owned(), |set| format!("{} ({})", set.serial, set.policies));
    output::line(format!("policies approved  {}", set(policies.approved)))?;
    output::line(format!("policies in force  {}", set(policies.in_force)))?;
    for Waiting { name, role } in applications_waiting {
        output::line(format!("waiting            application {name} ({role})"))?;
    }
    Ok(())
}
