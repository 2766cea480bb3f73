//! `coffre audit verify`: whether the log is the one that was signed. In the vault, every entry where it is stored; a
//! copy needs the verification key alone: no vault, no server, no secret.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::note::{NoteError, VerificationKey};
use coffre_core::tlog::{CopyReport, HeadError, TlogProof, TreeHead, verify_copy};
use serde::Deserialize;
use serde_json::json;

use super::copy::{self, Folder};
use crate::arguments::Global;
use crate::complaint::{self, Complaint};
use crate::configuration::{self, Configuration};
use crate::control::Control;
use crate::daily_head::head_in;
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
    #[arg(long, value_name = "KEY")]
    vault_key: Option<VerificationKey>,
    /// A signed tree head known from elsewhere, alone or in its letter: the log must go on from it
    #[arg(long, value_name = "FILE", requires = "copy")]
    known_head: Option<PathBuf>,
    /// Verify one entry by its proof instead (a file *.tlog-proof)
    #[arg(long, value_name = "FILE", requires = "entry", conflicts_with_all = ["copy", "vault"])]
    proof: Option<PathBuf>,
    /// The entry, byte for byte
    #[arg(long, value_name = "FILE", requires = "proof")]
    entry: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Verifies and reports; a fault ends with `Exit::Tampering`.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let verdict = match (&arguments.copy, &arguments.proof, &arguments.entry) {
        (Some(copy), _, _) => of_copy(copy, arguments, global),
        (None, Some(proof), Some(entry)) => return of_proof(proof, entry, arguments, global),
        _ if arguments.vault_key.is_some() => {
            return Err(Complaint::usage(
                "--vault-key is for copies and proofs",
                "name one with --copy or --proof; the vault knows its own key",
            )
            .into());
        }
        _ => of_vault(&Place::find(&arguments.vault, global)?),
    };
    match verdict {
        Ok(Sound { origin, entries, minimum_index, root }) if arguments.json => {
            output::json(&json!({
                "sound": true, "origin": origin, "entries": entries, "minimum_index": minimum_index, "root": root
            }))?;
        }
        Ok(sound) => output::line(sound.lines())?,
        Err(fault) => return Err(told(fault, arguments)?),
    }
    Ok(Exit::Success)
}

/// Tells in JSON that something was changed. A log that could not be looked at is not known to be unsound: that is told
/// as the failure of any verb is.
fn told(fault: anyhow::Error, arguments: &Arguments) -> anyhow::Result<anyhow::Error> {
    let exit = Exit::of(&fault);
    if arguments.json && exit == Exit::Tampering {
        let (cause, remedy) = complaint::parts(fault.chain());
        output::json(&json!({
            "sound": false, "fault": fault.to_string(), "exit_code": exit.code(), "error": cause, "help": remedy
        }))?;
    }
    Ok(fault)
}

/// A log in which nothing is wrong.
struct Sound {
    origin: String,
    entries: u64,
    /// The first entry that was not pruned.
    minimum_index: u64,
    root: String,
}

impl Sound {
    fn lines(&self) -> String {
        let Self { origin, entries, minimum_index, root } = self;
        let pruned = match minimum_index {
            0 => String::new(),
            pruned => format!("\npruned   the first {pruned} of them, as the log says itself; their hashes are there"),
        };
        format!("sound    {entries} entries, each where it was signed{pruned}\norigin   {origin}\nroot     {root}")
    }
}

fn of_copy(copy: &Path, arguments: &Arguments, global: &Global) -> anyhow::Result<Sound> {
    if !copy.is_dir() {
        let cause = format!("{} is no folder", copy.display());
        return Err(Complaint::usage(cause, "name the folder that `coffre audit export` wrote").into());
    }
    let key = key(arguments, global)?;
    let known = arguments.known_head.as_deref().map(|file| known_head(file, &key)).transpose()?;
    let CopyReport { head, minimum_index, .. } = verify_copy(&Folder(copy), &key, None, known.as_ref())?;
    Ok(Sound { origin: head.origin, entries: head.size, minimum_index, root: head.root.to_string() })
}

/// The key that is named, otherwise the one that is pinned.
fn key(arguments: &Arguments, global: &Global) -> anyhow::Result<VerificationKey> {
    match &arguments.vault_key {
        Some(key) => Ok(key.clone()),
        None => Ok(Configuration::load(&configuration::locate(global.config.as_deref(), None)?)?.verification_key),
    }
}

/// One entry by its proof: no vault, no server, no copy.
fn of_proof(proof: &Path, entry: &Path, arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let key = key(arguments, global)?;
    let read = |file: &Path| {
        let unreadable = || Complaint::usage(format!("cannot read {}", file.display()), "check the path");
        copy::read(file).with_context(unreadable)
    };
    let (entry, proof) = (read(entry)?, read(proof)?);
    let proven = TlogProof::parse(&proof).and_then(|proof| Ok((proof.index, proof.verify(&entry, &key, None)?)));
    match proven {
        Ok((index, head)) if arguments.json => {
            let (origin, size) = (head.origin, head.size);
            output::json(&json!({ "sound": true, "index": index, "origin": origin, "entries": size }))?;
        }
        Ok((index, head)) => {
            output::line(format!("sound    entry {index} of {}\norigin   {}", head.size, head.origin))?;
        }
        Err(fault) => return Err(told(fault.into(), arguments)?),
    }
    Ok(Exit::Success)
}

/// What the vault's keeper answers.
#[derive(Deserialize)]
struct Verdict {
    fault: Option<String>,
    origin: String,
    size: u64,
    minimum_index: u64,
    root: String,
}

fn of_vault(place: &Place) -> anyhow::Result<Sound> {
    let verdict: Verdict = Control::of(place)?.post("/v1/audit/verify", None)?.json()?;
    let Verdict { fault, origin, size, minimum_index, root } = verdict;
    if let Some(fault) = fault {
        return Err(Complaint::told(Exit::Tampering, fault, Vec::new()).into());
    }
    Ok(Sound { origin, entries: size, minimum_index, root })
}

/// A head that was kept. One that cannot be made out says nothing about the log.
fn known_head(file: &Path, key: &VerificationKey) -> anyhow::Result<TreeHead> {
    let unreadable =
        || Complaint::usage(format!("cannot read {}", file.display()), "name a file with a signed tree head");
    let kept = copy::read(file).with_context(unreadable)?;
    let note = head_in(&String::from_utf8_lossy(&kept));
    TreeHead::open(note.as_bytes(), key, None).map_err(|error| match error {
        HeadError::Note(NoteError::NotSigned { .. }) => error.into(),
        error => {
            let cause = format!("{} holds no signed head as it was handed over", file.display());
            let remedy = "save the letter or its head again, as plain text in UTF-8";
            anyhow::Error::from(error).context(Complaint::usage(cause, remedy))
        }
    })
}
