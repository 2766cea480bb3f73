//! `coffre officer`: an officer's key is made where the officer is; the first officers are enrolled where the vault is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use coffre_core::approval::{Officer, OfficerRole};
use coffre_core::note::KeyName;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::exit::Exit;
use crate::officer_key::{self, OfficerKey};
use crate::output;
use crate::place::{Place, VaultArgument};
use crate::terminal;

/// The fewest characters of a passphrase, as the CNIL has it for one without further measures (délib. 2022-100).
const SHORTEST: usize = 12;

/// The arguments of `coffre officer`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an officer's key: write the key file, which a passphrase protects, and print the line to hand over
    Keygen {
        /// The role: legal or dpo
        #[arg(long)]
        role: OfficerRole,
        /// Who the officer is, such as a.martin: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'
        #[arg(long)]
        name: String,
        /// Where the key file is written: where the officer alone gets at it, never on the vault's host
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Write the key without a passphrase, for media that are locked away themselves
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
    },
    /// Enrol the first officers of a vault, once: from then on policies and applications take two of them
    Enrol {
        /// Their lines, as `coffre officer keygen` printed them: at least two, better three
        #[arg(value_name = "KEY", required = true)]
        officers: Vec<Officer>,
        #[command(flatten)]
        vault: VaultArgument,
    },
    /// List the officers of a vault
    List {
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// Where a passphrase comes from that nobody types.
#[derive(Debug, Default, Args)]
pub(crate) struct Passphrase {
    /// A file whose first line is the passphrase; otherwise it is typed, without being shown
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    /// The passphrase of a key that is there.
    pub(crate) fn ask(&self) -> anyhow::Result<Zeroizing<String>> {
        match &self.passphrase_file {
            Some(file) => of_file(file),
            None => terminal::secret("passphrase: ", "name a file that holds it with --passphrase-file"),
        }
    }

    /// The passphrase of a new key: typed twice.
    fn choose(&self) -> anyhow::Result<Zeroizing<String>> {
        let phrase = self.ask()?;
        if phrase.chars().count() < SHORTEST {
            let remedy = format!("take at least {SHORTEST} characters, for instance some words");
            return Err(Complaint::usage("the passphrase is too short", remedy).into());
        }
        if self.passphrase_file.is_none() && *terminal::secret("the same again: ", "")? != *phrase {
            return Err(Complaint::usage("the two passphrases are not the same", "run it again").into());
        }
        Ok(phrase)
    }
}

fn of_file(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let unreadable = || Complaint::usage(format!("{} cannot be read", file.display()), "check the path");
    let text = Zeroizing::new(fs::read_to_string(file).with_context(unreadable)?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

#[derive(Deserialize, Serialize)]
struct Listed {
    role: String,
    name: String,
    key_id: String,
    key: String,
}

#[derive(Deserialize, Serialize)]
struct OfficersTold {
    serial: u64,
    officers: Vec<Listed>,
}

#[derive(Deserialize)]
struct Standing {
    officers: Option<OfficersTold>,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Keygen { role, name, out, passphrase, no_passphrase } => {
            keygen(*role, name, out, passphrase, *no_passphrase)?;
        }
        Verb::Enrol { officers, vault } => {
            output::line(enrol(&Control::of(&Place::find(vault, global)?)?, officers)?)?;
        }
        Verb::List { vault, json } => list(&Control::of(&Place::find(vault, global)?)?, *json)?,
    }
    Ok(Exit::Success)
}

/// The line to hand over alone on standard output.
fn keygen(role: OfficerRole, name: &str, out: &Path, passphrase: &Passphrase, in_clear: bool) -> anyhow::Result<()> {
    let wrong = || Complaint::usage(format!("{name:?} is no officer's name"), "see `coffre officer keygen --help`");
    let key = KeyName::new(&format!("{role}/{name}")).with_context(wrong)?;
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)?;
    // Before anything is asked.
    OfficerKey::new(key.clone(), &seed).with_context(wrong)?;
    if out.exists() {
        return Err(officer_key::KeyFileError::Exists { path: out.to_owned() }.into());
    }
    let phrase = if in_clear { None } else { Some(passphrase.choose()?) };
    let officer = officer_key::make(out, key, &seed, phrase.as_ref().map(|phrase| phrase.as_str()))?;
    if in_clear {
        output::note("whoever copies the key file can sign as this officer: lock it away")?;
    }
    output::note(
        "hand over this line, and have it compared whole by another way, since a key id can be imitated; the key file stays with the officer",
    )?;
    Ok(output::line(officer.to_string())?)
}

/// Enrols officers, and says what has no effect from now on; gives the line that names them.
pub(crate) fn enrol(control: &Control, officers: &[Officer]) -> anyhow::Result<String> {
    let keys: Vec<String> = officers.iter().map(Officer::to_string).collect();
    let told: OfficersTold = control.post("/v1/officers", Some(&json!({ "officers": keys })))?.json()?;
    if told.officers.len() < 3 {
        output::note(
            "with two officers a single lost key ends all approvals: have a third one signed in, with `coffre approve officers`",
        )?;
    }
    output::note(
        "applications have no effect until they are approved, and no server starts with policies that are not: see `coffre approve`",
    )?;
    let names: Vec<String> =
        told.officers.iter().map(|one| format!("{}/{}+{}", one.role, one.name, one.key_id)).collect();
    Ok(format!("enrolled: {}", names.join(", ")))
}

fn list(control: &Control, json: bool) -> anyhow::Result<()> {
    let Standing { officers } = control.get("/v1/approvals")?.json()?;
    if json {
        return output::json(&json!({ "officers": officers }));
    }
    let Some(told) = officers else {
        return Ok(output::line("none: policies and applications take effect without approval")?);
    };
    let rows: Vec<_> = told.officers.into_iter().map(|one| [one.role, one.name, one.key_id, one.key]).collect();
    Ok(output::table(["ROLE", "NAME", "KEY ID", "KEY"], &rows)?)
}
