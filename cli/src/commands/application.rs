//! `coffre application`: the programs that may call the API. Only the vault's own user adds and revokes them.

use clap::{Args, Subcommand};
use coffre_core::role::Role;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre application`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an application and print its token, once
    Add {
        /// Its name: 1 to 64 of a-z, 0-9 and '-', starting with a letter
        name: String,
        /// What it may do is said by the policies for this role
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of the bare token
        #[arg(long)]
        json: bool,
    },
    /// List all applications, revoked ones included
    List {
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Revoke an application: its token opens nothing any more
    Revoke {
        /// Its name
        name: String,
        #[command(flatten)]
        vault: VaultArgument,
    },
}

#[derive(Deserialize, Serialize)]
struct Application {
    id: String,
    name: String,
    role: String,
    added_at: String,
    revoked_at: Option<String>,
}

#[derive(Deserialize)]
struct Applications {
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Added {
    #[serde(flatten)]
    application: Application,
    token: Zeroizing<String>,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Add { name, role, vault, json } => {
            add(&Control::of(&Place::find(vault, global)?)?, name, *role, *json)?;
        }
        Verb::List { vault, json } => list(&Control::of(&Place::find(vault, global)?)?, *json)?,
        Verb::Revoke { name, vault } => revoke(&Control::of(&Place::find(vault, global)?)?, name)?,
    }
    Ok(Exit::Success)
}

/// The token alone on standard output, so that it can be caught; what to do with it on standard error.
fn add(control: &Control, name: &str, role: Role, json: bool) -> anyhow::Result<()> {
    let added: Added = control.post("/v1/applications", Some(&json!({ "name": name, "role": role })))?.json()?;
    if json {
        let Application { id, name, role, added_at, .. } = &added.application;
        let token = added.token.as_str();
        return output::json(&json!({ "id": id, "name": name, "role": role, "added_at": added_at, "token": token }));
    }
    output::note("the token is shown this once and kept nowhere: hand it to the application, over a safe way")?;
    Ok(output::line(added.token.as_str())?)
}

fn list(control: &Control, json: bool) -> anyhow::Result<()> {
    let Applications { applications } = control.get("/v1/applications")?.json()?;
    if json {
        return output::json(&json!({ "applications": applications }));
    }
    let row = |application: &Application| {
        let Application { name, role, added_at, revoked_at, .. } = application;
        [name.clone(), role.clone(), added_at.clone(), revoked_at.clone().unwrap_or_else(|| "-".to_owned())]
    };
    let rows: Vec<_> = applications.iter().map(row).collect();
    Ok(output::table(["NAME", "ROLE", "ADDED", "REVOKED"], &rows)?)
}

fn revoke(control: &Control, name: &str) -> anyhow::Result<()> {
    // A name that would not fit into a path is the name of no application either.
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    anyhow::ensure!(plain && !name.is_empty(), "{name:?} is no application's name; see `coffre application list`");
    control.post(&format!("/v1/applications/{name}/revoke"), None)?;
    Ok(output::line(format!("revoked: {name}"))?)
}
