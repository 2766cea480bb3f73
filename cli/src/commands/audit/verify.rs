//! `coffre audit verify`: whether the log is the one that was signed. In the vault, every entry where it is stored; a
//! copy needs the verification key alone: no vault, no server, no secret.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::note::VerificationKey;
use coffre_core::tlog::{CopyReport, TreeHead, verify_copy};
use serde::Deserialize;
use serde_json::json;

use super::copy::Folder;
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Configuration};
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre audit verify`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// Verify an exported copy of the log instead of the vault's own
    #[arg(long, value_name = "DIR", conflicts_with = "vault")]
    copy: Option<PathBuf>,
    /// The vault's verification key; otherwise the one in the configuration, never one from the copy
    #[arg(long, value_name = "KEY", requires = "copy")]
    vault_key: Option<VerificationKey>,
    /// A signed tree head known from elsewhere: the log must go on from it
    #[arg(long, value_name = "FILE", requires = "copy")]
    known_head: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Verifies and reports; a fault ends with `Exit::Tampering`.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let verdict = match &arguments.copy {
        Some(copy) => of_copy(copy, arguments, global),
        None => of_vault(&Place::find(&arguments.vault, global)?),
    };
    match verdict {
        Ok(Sound { origin, entries, root }) if arguments.json => {
            output::json(&json!({ "sound": true, "origin": origin, "entries": entries, "root": root }))?;
        }
        Ok(sound) => output::line(sound.lines())?,
        Err(fault) => {
            if arguments.json {
                output::json(&json!({ "sound": false, "fault": fault.to_string() }))?;
            }
            return Err(fault);
        }
    }
    Ok(Exit::Success)
}

/// A log in which nothing is wrong.
struct Sound {
    origin: String,
    entries: u64,
    root: String,
}

impl Sound {
    fn lines(&self) -> String {
        let Self { origin, entries, root } = self;
        format!("sound    {entries} entries, each where it was signed\norigin   {origin}\nroot     {root}")
    }
}

fn of_copy(copy: &Path, arguments: &Arguments, global: &Global) -> anyhow::Result<Sound> {
    if !copy.is_dir() {
        let cause = format!("{} is no folder", copy.display());
        return Err(Complaint::usage(cause, "name the folder that `coffre audit export` wrote").into());
    }
    let key = match &arguments.vault_key {
        Some(key) => key.clone(),
        None => Configuration::load(&configuration::locate(global.config.as_deref(), None)?)?.verification_key,
    };
    let known = arguments.known_head.as_deref().map(|file| known_head(file, &key)).transpose()?;
    let CopyReport { head, .. } = verify_copy(&Folder(copy), &key, None, known.as_ref())?;
    Ok(Sound { origin: head.origin, entries: head.size, root: head.root.to_string() })
}

/// What the vault's keeper answers.
#[derive(Deserialize)]
struct Verdict {
    fault: Option<String>,
    origin: String,
    size: u64,
    root: String,
}

fn of_vault(place: &Place) -> anyhow::Result<Sound> {
    let verdict: Verdict = Control::of(place)?.post("/v1/audit/verify", None)?.json()?;
    match verdict.fault {
        Some(fault) => Err(Complaint::told(Exit::Tampering, fault, Vec::new()).into()),
        None => Ok(Sound { origin: verdict.origin, entries: verdict.size, root: verdict.root }),
    }
}

fn known_head(file: &Path, key: &VerificationKey) -> anyhow::Result<TreeHead> {
    let unreadable =
        || Complaint::usage(format!("cannot read {}", file.display()), "name a file with a signed tree head");
    let note = fs::read(file).with_context(unreadable)?;
    Ok(TreeHead::open(&note, key, None)?)
}
