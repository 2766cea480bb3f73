//! `coffre init`: a new vault, and what its operator must keep. The keys are made in the store; this verb names the
//! places, writes the configuration that pins the new vault, and prints what belongs into every other one.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::approval::{Officer, Officers};
use coffre_core::day::Day;
use coffre_core::ids::Environment;
use coffre_core::key_share::Parts;
use coffre_store::clock::{Clock as _, SystemClock, SystemEntropy};
use coffre_store::{Identity, InitError, InitPlan, Initialized, init_and_hand_over};
use serde_json::json;

use crate::commands::officer;
use crate::complaint::Complaint;
use crate::configuration;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::Place;
use crate::recovery::{Making, SharingArguments, VaultFacts, Whereabouts, parts};

/// The arguments of `coffre init`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A new or empty directory, for the vault's own account only
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The environment that every key is bound to, such as production or recette
    #[arg(long, value_name = "NAME")]
    environment: Environment,
    /// Who can open the backups: an age recipient; without it an identity is made
    #[arg(long, value_name = "age1…", conflicts_with = "recovery_identity")]
    recovery_recipient: Option<String>,
    /// Where the recovery identity is written that is made; otherwise DIR.recovery-identity, beside the vault
    #[arg(long, value_name = "FILE")]
    recovery_identity: Option<PathBuf>,
    /// Split the recovery identity among holders at once: any M of N open the backups, and it never stands on a disk
    #[arg(long, id = "recovery_shares", value_name = "M/N", value_parser = parts,
          conflicts_with_all = ["recovery_recipient", "recovery_identity"])]
    recovery_shares: Option<Parts>,
    #[command(flatten)]
    sharing: SharingArguments,
    /// An officer, by the line that `coffre officer keygen` printed; give it for each, at least twice. Policies and
    /// applications then take effect only once two officers have signed them
    #[arg(long = "officer", value_name = "KEY")]
    officers: Vec<Officer>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Makes the vault and says what to keep.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let directory = std::path::absolute(&arguments.directory)?;
    // Before anything is made.
    if !arguments.officers.is_empty() {
        Officers::new(1, arguments.officers.clone())
            .map_err(|error| Complaint::told(Exit::Usage, error.to_string(), Vec::new()))?;
    }
    let (vault, told) = match arguments.recovery_shares {
        Some(parts) => shared(&directory, arguments, parts)?,
        None => (kept(&directory, arguments)?, None),
    };
    configuration::pin(&directory, &arguments.environment, &vault.vault.to_string(), &vault.verification_key)
        .context("the vault is made, but its coffre.toml is not; write it from what `coffre doctor` prints")?;
    let officers = &arguments.officers;
    let enrolled = if officers.is_empty() { Ok(None) } else { enrol(&directory, officers).map(Some) };
    if arguments.json {
        output::json(&report(&directory, arguments, &vault))?;
    } else {
        output::line(lines(&directory, &arguments.environment, &vault, told.as_deref()))?;
    }
    say_who_approves(enrolled, arguments.json)?;
    Ok(Exit::Success)
}

/// Who approves from now on, or that nobody does.
fn say_who_approves(enrolled: anyhow::Result<Option<String>>, json: bool) -> anyhow::Result<()> {
    match enrolled.context(
        "the vault is made, but its officers are not enrolled; run `coffre officer enrol` with the same lines",
    )? {
        None => {
            let advice = "nobody approves policies and applications here: enrol officers with `coffre officer enrol`";
            output::note(advice)?;
        }
        Some(told) if !json => output::line(told)?,
        Some(_) => {}
    }
    Ok(())
}

/// A vault whose recovery identity is somebody's already, or is written to a file.
fn kept(directory: &Path, arguments: &Arguments) -> Result<Initialized, InitError> {
    let plan = InitPlan {
        environment: arguments.environment.clone(),
        recovery_recipient: arguments.recovery_recipient.clone(),
        recovery_identity_file: arguments.recovery_identity.clone().unwrap_or_else(|| beside(directory)),
    };
    coffre_store::init(directory, &plan, &SystemClock, &mut SystemEntropy)
}

/// A vault whose recovery identity is split before there is a vault that it could open.
fn shared(directory: &Path, arguments: &Arguments, parts: Parts) -> anyhow::Result<(Initialized, Option<String>)> {
    let making = Making { parts, arguments: &arguments.sharing };
    making.check(directory)?;
    let mut told = None;
    let mut hand_over = |identity: &Identity, vault: &Initialized| {
        let facts = VaultFacts {
            environment: arguments.environment.to_string(),
            vault: vault.vault.to_string(),
            verification_key: vault.verification_key.clone(),
            recipient: Some(vault.recovery_recipient.clone()),
            made: Day::of(SystemClock.now()),
        };
        let key = vault.verification_key.parse().map_err(io::Error::other)?;
        let files = making.make(identity, &key, &facts, &Whereabouts::default()).map_err(io::Error::other)?;
        told = Some(making.told(&files));
        Ok(())
    };
    let environment = &arguments.environment;
    let made = init_and_hand_over(directory, environment, &SystemClock, &mut SystemEntropy, &mut hand_over)?;
    Ok((made, told))
}

fn enrol(directory: &Path, officers: &[Officer]) -> anyhow::Result<String> {
    officer::enrol(&Control::of(&Place { directory: directory.to_owned(), configuration: None })?, officers)
}

/// `vault` → `vault.recovery-identity`.
fn beside(directory: &Path) -> PathBuf {
    let mut path = directory.as_os_str().to_owned();
    path.push(".recovery-identity");
    path.into()
}

fn report(directory: &Path, arguments: &Arguments, vault: &Initialized) -> serde_json::Value {
    json!({
        "directory": directory,
        "environment": arguments.environment,
        "vault_id": vault.vault,
        "verification_key": vault.verification_key,
        "recovery_recipient": vault.recovery_recipient,
        "recovery_identity_file": vault.recovery_identity_file,
        "officers": arguments.officers.iter().map(Officer::known_as).collect::<Vec<_>>(),
    })
}

fn lines(directory: &Path, environment: &Environment, vault: &Initialized, shared: Option<&str>) -> String {
    let mut facts = vec![
        ("vault", directory.display().to_string()),
        ("environment", environment.to_string()),
        ("vault id", vault.vault.to_string()),
        ("verification key", vault.verification_key.clone()),
        ("recovery recipient", vault.recovery_recipient.clone()),
    ];
    facts.extend(vault.recovery_identity_file.iter().map(|file| ("recovery identity", file.display().to_string())));
    let facts = facts.iter().map(|(name, fact)| format!("{name:<20}{fact}")).collect::<Vec<_>>().join("\n");
    let advice = if let Some(shared) = shared {
        shared
    } else if vault.recovery_identity_file.is_some() {
        "The recovery identity opens every backup of this vault. Copy it to media that are kept offline, in two places,\n\
         then remove it from this machine: nothing here needs it before a restore."
    } else {
        "Whoever holds the identity of the recovery recipient can open every backup of this vault."
    };
    format!("{facts}\n\n{advice}")
}
