//! `coffre audit verify`: whether the log is the one that was signed. A copy needs the verification key alone: no vault,
//! no server, no secret.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::note::VerificationKey;
use coffre_core::tlog::{CopyReport, TreeHead, verify_copy};
use serde_json::json;

use super::copy::Folder;
use crate::arguments::Global;
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::output;

/// The arguments of `coffre audit verify`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An exported copy of the log
    #[arg(long, value_name = "DIR")]
    copy: PathBuf,
    /// The vault's verification key; otherwise the one in the configuration, never one from the copy
    #[arg(long, value_name = "KEY")]
    vault_key: Option<VerificationKey>,
    /// A signed tree head known from elsewhere: the log must go on from it
    #[arg(long, value_name = "FILE")]
    known_head: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Verifies and reports; a fault ends with `Exit::Tampering`.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let key = match &arguments.vault_key {
        Some(key) => key.clone(),
        None => Configuration::load(&configuration::locate(global.config.as_deref(), None)?)?.verification_key,
    };
    let known = arguments.known_head.as_deref().map(|file| known_head(file, &key)).transpose()?;
    match verify_copy(&Folder(&arguments.copy), &key, None, known.as_ref()) {
        Ok(report) if arguments.json => output::json(&as_json(&report))?,
        Ok(report) => output::line(lines(&report))?,
        Err(fault) => {
            if arguments.json {
                output::json(&json!({ "sound": false, "fault": fault.to_string() }))?;
            }
            return Err(fault.into());
        }
    }
    Ok(Exit::Success)
}

fn known_head(file: &Path, key: &VerificationKey) -> anyhow::Result<TreeHead> {
    let note = fs::read(file)
        .with_context(|| format!("cannot read {}; name a file with a signed tree head", file.display()))?;
    Ok(TreeHead::open(&note, key, None)?)
}

fn as_json(report: &CopyReport) -> serde_json::Value {
    json!({
        "sound": true,
        "origin": report.head.origin,
        "entries": report.head.size,
        "root": report.head.root.to_string(),
        "files": report.files,
    })
}

fn lines(report: &CopyReport) -> String {
    format!(
        "sound    {} entries, each where it was signed\norigin   {}\nroot     {}",
        report.head.size, report.head.origin, report.head.root
    )
}
