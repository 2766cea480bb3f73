//! `coffre init`: a new vault, and what its operator must keep. The keys are made in the store; this verb names the
//! places, writes the configuration that pins the new vault, and prints what belongs into every other one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::approval::{Officer, Officers};
use coffre_core::day::Day;
use coffre_core::ids::Environment;
use coffre_core::key_share::Parts;
use coffre_store::clock::{Clock as _, SystemClock, SystemEntropy};
use coffre_store::{Identity, InitPlan, Initialized, init_and_hand_over};
use serde_json::json;

use crate::commands::officer;
use crate::complaint::{self, Complaint};
use crate::configuration;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::owner;
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
    owner::must_make(&directory)?;
    if !arguments.officers.is_empty() {
        Officers::new(1, arguments.officers.clone())
            .map_err(|error| Complaint::told(Exit::Usage, error.to_string(), Vec::new()))?;
    }
    let (vault, told) = match arguments.recovery_shares {
        Some(parts) => shared(&directory, arguments, parts)?,
        None => (kept(&directory, arguments)?, None),
    };
    pin(&directory, &arguments.environment, &vault)?;
    let officers = &arguments.officers;
    let enrolled = if officers.is_empty() { Ok(None) } else { enrol(&directory, officers).map(Some) };
    let enrolled = enrolled.context(
        "the vault is made, but its officers are not enrolled; run `coffre officer enrol` with the same lines",
    );
    if arguments.json {
        let officers = enrolled.as_ref().map(|_| arguments.officers.as_slice());
        output::json(&report(&directory, &arguments.environment, &vault, officers))?;
    } else {
        output::line(lines(&directory, &arguments.environment, &vault, told.as_deref()))?;
    }
    say_who_approves(enrolled, arguments.json)?;
    Ok(Exit::Success)
}

/// Writes the vault's coffre.toml; where that fails, the vault is there all the same, and its lines are told.
fn pin(directory: &Path, environment: &Environment, vault: &Initialized) -> anyhow::Result<()> {
    let id = vault.vault.to_string();
    let Err(error) = configuration::pin(directory, environment, &id, &vault.verification_key) else {
        return Ok(());
    };
    let lines = configuration::pinned_lines(environment, &id, &vault.verification_key);
    output::note(&unpinned(&lines, vault.recovery_identity_file.as_deref()))?;
    Err(anyhow::Error::from(error).context(
        "the vault is made, but its coffre.toml is not; write the three lines of the note into it, and enrol its \
         officers if it is to have some",
    ))
}

/// What is told nowhere else of a vault whose coffre.toml could not be written.
fn unpinned(lines: &str, identity: Option<&Path>) -> String {
    let identity = identity.map(|file| format!("\nThe recovery identity is in {}.", file.display()));
    format!("coffre.toml is to hold:\n{}{}", lines.trim_end(), identity.unwrap_or_default())
}

/// Who approves from now on, or that nobody does.
fn say_who_approves(enrolled: anyhow::Result<Option<String>>, json: bool) -> anyhow::Result<()> {
    match enrolled? {
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
fn kept(directory: &Path, arguments: &Arguments) -> anyhow::Result<Initialized> {
    let plan = InitPlan {
        environment: arguments.environment.clone(),
        recovery_recipient: arguments.recovery_recipient.clone(),
        recovery_identity_file: match &arguments.recovery_identity {
            Some(file) => std::path::absolute(file)?,
            None => beside(directory),
        },
    };
    Ok(coffre_store::init(directory, &plan, &SystemClock, &mut SystemEntropy)?)
}

/// A vault whose recovery identity is split before there is a vault that it could open.
fn shared(directory: &Path, arguments: &Arguments, parts: Parts) -> anyhow::Result<(Initialized, Option<String>)> {
    let making = Making { parts, arguments: &arguments.sharing };
    making.check(directory)?;
    let folder = arguments.sharing.folder().filter(|folder| !folder.exists());
    let mut handed_over = None;
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
        handed_over = Some(files);
        Ok(())
    };
    let environment = &arguments.environment;
    let made = init_and_hand_over(directory, environment, &SystemClock, &mut SystemEntropy, &mut hand_over);
    match (made, handed_over) {
        (Ok(made), files) => Ok((made, files.map(|files| making.told(&files)))),
        (Err(error), None) => Err(error.into()),
        (Err(error), Some(files)) => {
            take_back(&files, folder);
            output::note(WORTHLESS)?;
            Err(error.into())
        }
    }
}

/// Of shares whose vault was not made after they had been handed over.
const WORTHLESS: &str = "no vault was made, and its shares open nothing: those that were written to files are removed; \
                         destroy what was copied or printed of them";

/// Removes the pages of a vault that was not made, and their folder if it was made for them.
fn take_back(files: &[PathBuf], folder: Option<&Path>) {
    for file in files {
        let _left_over = fs::remove_file(file);
    }
    if let Some(folder) = folder {
        let _left_over = fs::remove_dir(folder);
    }
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

/// The vault that was made, with the officers that are enrolled, or with why they are not.
fn report(
    directory: &Path,
    environment: &Environment,
    vault: &Initialized,
    enrolled: Result<&[Officer], &anyhow::Error>,
) -> serde_json::Value {
    let officers: Vec<String> = enrolled.unwrap_or_default().iter().map(Officer::known_as).collect();
    let mut told = json!({
        "directory": directory,
        "environment": environment,
        "vault_id": vault.vault,
        "verification_key": vault.verification_key,
        "recovery_recipient": vault.recovery_recipient,
        "recovery_identity_file": vault.recovery_identity_file,
        "officers": officers,
    });
    if let (Err(error), Some(object)) = (enrolled, told.as_object_mut()) {
        let (cause, remedy) = complaint::parts(error.chain());
        object.insert("exit_code".to_owned(), json!(Exit::of(error).code()));
        object.insert("error".to_owned(), json!(cause));
        object.insert("help".to_owned(), json!(remedy));
    }
    told
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
    let pinned = directory.join("coffre.toml");
    format!("{facts}\n\n{advice}\n\nTo pin it elsewhere: the three lines in {}.", pinned.display())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use coffre_core::note::KeyName;
    use serde_json::Value;

    use super::*;
    use crate::officer_key::OfficerKey;

    fn vault() -> Initialized {
        Initialized {
            vault: "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11".parse().unwrap(),
            verification_key: "coffre/recette+71cec933+AQEB".to_owned(),
            recovery_recipient: "age1somebody".to_owned(),
            recovery_identity_file: Some("vault.recovery-identity".into()),
        }
    }

    #[test]
    fn officers_are_reported_once_they_are_enrolled_and_otherwise_why_they_are_not() {
        let officer = OfficerKey::new(KeyName::new("legal/a.martin").unwrap(), &[1; 32]).unwrap().officer;
        let (environment, officers): (Environment, _) = ("recette".parse().unwrap(), [officer]);
        let told = |enrolled: Result<&[Officer], &anyhow::Error>| {
            report(Path::new("/vault"), &environment, &vault(), enrolled)
        };
        let enrolled = told(Ok(officers.as_slice()));
        assert_eq!(enrolled.get("officers"), Some(&json!(["legal/a.martin+71cec933"])));
        assert_eq!(enrolled.get("error"), None);
        let full = anyhow::Error::from(io::Error::from(io::ErrorKind::StorageFull)).context("not enrolled; enrol them");
        let failed = told(Err(&full));
        assert_eq!(failed.get("officers"), Some(&json!([])));
        assert_eq!((failed.get("exit_code"), failed.get("help")), (Some(&json!(75)), Some(&json!("enrol them"))));
        assert!(failed.get("error").and_then(Value::as_str).unwrap().starts_with("not enrolled"), "{failed}");
        assert_eq!(failed.get("vault_id"), enrolled.get("vault_id"));
    }

    #[test]
    fn what_coffre_toml_lacks_is_told_to_be_written_by_hand() {
        let vault = vault();
        let environment: Environment = "recette".parse().unwrap();
        let lines = configuration::pinned_lines(&environment, &vault.vault.to_string(), &vault.verification_key);
        assert_eq!(
            unpinned(&lines, vault.recovery_identity_file.as_deref()),
            "coffre.toml is to hold:\nenvironment = \"recette\"\nvault_id = \"0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11\"\n\
             verification_key = \"coffre/recette+71cec933+AQEB\"\nThe recovery identity is in vault.recovery-identity."
        );
    }

    #[test]
    fn shares_of_a_vault_that_was_not_made_are_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let shares = folder.path().join("shares");
        let files: Vec<PathBuf> = ["share-1-of-2.txt", "recovery-kit.txt"].map(|name| shares.join(name)).into();
        let make = || {
            fs::create_dir_all(&shares).unwrap();
            for file in &files {
                fs::write(file, "a page").unwrap();
            }
        };
        make();
        take_back(&files, None);
        assert_eq!(fs::read_dir(&shares).unwrap().count(), 0, "the folder was there before");
        make();
        take_back(&files, Some(&shares));
        assert!(!shares.exists());
    }
}
