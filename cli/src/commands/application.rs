//! `coffre application`: the programs that may call the API. Only the vault's own user adds and revokes them, and
//! rotates their tokens.

use clap::{Args, Subcommand};
use coffre_core::role::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
        /// For how many days the token is valid; without end unless given
        #[arg(long, value_name = "N", conflicts_with = "san_uri")]
        valid_days: Option<u32>,
        /// Make no token: the application proves itself with a client certificate that names this URI among its
        /// subject's alternative names, such as coffre:application:crm
        #[arg(long, value_name = "URI")]
        san_uri: Option<String>,
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of the bare token
        #[arg(long)]
        json: bool,
    },
    /// Print a new token for an application, once; the former one goes on for a while
    Rotate {
        /// Its name
        name: String,
        /// For how many hours the former token goes on, so that the application can be changed over: 0 to 720
        #[arg(long, value_name = "N", default_value_t = 24)]
        overlap_hours: u32,
        /// For how many days the new token is valid; without end unless given
        #[arg(long, value_name = "N")]
        valid_days: Option<u32>,
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
    /// Revoke an application: its token or certificate opens nothing any more
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
    san_uri: Option<String>,
    added_at: String,
    revoked_at: Option<String>,
    in_effect: bool,
    tokens: Vec<TokenTimes>,
}

#[derive(Deserialize, Serialize)]
struct TokenTimes {
    issued_at: String,
    expires_at: Option<String>,
    expired: bool,
}

#[derive(Deserialize)]
struct Applications {
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Added {
    id: String,
    #[serde(rename = "added_at")]
    at: String,
    token: Option<Zeroizing<String>>,
    expires_at: Option<String>,
    in_effect: bool,
}

#[derive(Deserialize)]
struct Rotated {
    id: String,
    token: Zeroizing<String>,
    expires_at: Option<String>,
    former_until: String,
}

const SHOWN_ONCE: &str = "the token is shown this once and kept nowhere: hand it to the application, over a safe way";

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let control = |vault| Control::of(&Place::find(vault, global)?);
    match &arguments.verb {
        Verb::Add { name, role, valid_days, san_uri, vault, json } => {
            let asked = json!({ "name": name, "role": role, "valid_days": valid_days, "san_uri": san_uri });
            add(&control(vault)?, name, *role, &asked, *json)?;
        }
        Verb::Rotate { name, overlap_hours, valid_days, vault, json } => {
            let asked = json!({ "overlap_hours": overlap_hours, "valid_days": valid_days });
            rotate(&control(vault)?, name, &asked, *json)?;
        }
        Verb::List { vault, json } => list(&control(vault)?, *json)?,
        Verb::Revoke { name, vault } => revoke(&control(vault)?, name)?,
    }
    Ok(Exit::Success)
}

/// The token alone on standard output, so that it can be caught; what to do with it on standard error.
fn add(control: &Control, name: &str, role: Role, asked: &Value, json: bool) -> anyhow::Result<()> {
    let added: Added = control.post("/v1/applications", Some(asked))?.json()?;
    let token = added.token.as_ref().map(|token| token.as_str());
    if !added.in_effect {
        let approve = format!("`coffre approve application {name}`");
        output::note(&format!("it has no effect until two officers have approved it: see {approve}"))?;
    }
    if json {
        let Added { id, at, expires_at, in_effect, .. } = &added;
        return output::json(&json!({
            "id": id, "name": name, "role": role, "added_at": at, "token": token, "expires_at": expires_at,
            "in_effect": in_effect,
        }));
    }
    match token {
        Some(token) => {
            output::note(SHOWN_ONCE)?;
            Ok(output::line(token)?)
        }
        None => Ok(output::line(format!("added: {name}, known by its client certificate"))?),
    }
}

/// As `add` does.
fn rotate(control: &Control, name: &str, asked: &Value, json: bool) -> anyhow::Result<()> {
    check_name(name)?;
    let rotated: Rotated = control.post(&format!("/v1/applications/{name}/rotate"), Some(asked))?.json()?;
    let Rotated { id, token, expires_at, former_until } = &rotated;
    if json {
        let token = token.as_str();
        return output::json(&json!({
            "id": id, "name": name, "token": token, "expires_at": expires_at, "former_until": former_until,
        }));
    }
    output::note(&format!("the former token is in force until {former_until}"))?;
    output::note(SHOWN_ONCE)?;
    Ok(output::line(token.as_str())?)
}

fn list(control: &Control, json: bool) -> anyhow::Result<()> {
    let Applications { applications } = control.get("/v1/applications")?.json()?;
    if json {
        return output::json(&json!({ "applications": applications }));
    }
    let row = |application: &Application| {
        let Application { name, role, added_at, revoked_at, in_effect, .. } = application;
        let revoked = revoked_at.clone().unwrap_or_else(|| "-".to_owned());
        let in_effect = if !in_effect {
            "not approved"
        } else if revoked_at.is_some() {
            "no"
        } else {
            "yes"
        };
        [name.clone(), role.clone(), added_at.clone(), expiry(application), revoked, in_effect.to_owned()]
    };
    let rows: Vec<_> = applications.iter().map(row).collect();
    Ok(output::table(["NAME", "ROLE", "ADDED", "TOKEN UNTIL", "REVOKED", "IN EFFECT"], &rows)?)
}

/// Until when the newest token is in force, and the former one if it still is.
fn expiry(application: &Application) -> String {
    let of = |token: &TokenTimes| token.expires_at.clone().unwrap_or_else(|| "no end".to_owned());
    let Some((newest, former)) = application.tokens.split_last() else {
        let uri = application.san_uri.as_deref().unwrap_or("-");
        return format!("certificate {uri}");
    };
    let newest = format!("{}{}", of(newest), if newest.expired { " (expired)" } else { "" });
    match former.iter().rev().find(|token| !token.expired) {
        Some(former) => format!("{newest}, former until {}", of(former)),
        None => newest,
    }
}

/// A name that would not fit into a path is the name of no application either.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    anyhow::ensure!(plain && !name.is_empty(), "{name:?} is no application's name; see `coffre application list`");
    Ok(())
}

fn revoke(control: &Control, name: &str) -> anyhow::Result<()> {
    check_name(name)?;
    control.post(&format!("/v1/applications/{name}/revoke"), None)?;
    Ok(output::line(format!("revoked: {name}"))?)
}
