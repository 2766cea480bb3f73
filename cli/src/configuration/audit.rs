//! The section `[audit]`: whose cosignatures of the log's heads are believed, and where the day's head goes.

use std::path::{Path, PathBuf};

use coffre_core::note::WitnessKey;
use serde::Deserialize;

use super::joined;

/// The section `[audit]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// The keys of witnesses (C2SP tlog-cosignature, Ed25519).
    pub(crate) witnesses: Vec<WitnessKey>,
    /// Where the day's signed head goes.
    pub(crate) daily_head: Option<DailyHead>,
}

/// The section `[audit.daily_head]`: out of the reach of whoever administers the vault.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DailyHead {
    /// A file that is replaced each day.
    pub(crate) file: Option<PathBuf>,
    /// A program and its arguments, which gets a letter with the head on its standard input.
    pub(crate) command: Vec<String>,
}

impl Audit {
    /// What makes no sense together.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        for (index, witness) in self.witnesses.iter().enumerate() {
            if self.witnesses.iter().skip(index + 1).any(|other| other.name() == witness.name()) {
                return Err("two witnesses have one name; name each of them once");
            }
        }
        match &self.daily_head {
            Some(DailyHead { file: None, command }) if command.is_empty() => {
                Err("the daily head goes nowhere; set `file`, or `command`, or both")
            }
            Some(DailyHead { command, .. }) if command.first().is_some_and(String::is_empty) => {
                Err("the command for the daily head has no program; name it first")
            }
            _ => Ok(()),
        }
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let Some(head) = &mut self.daily_head else { return };
        if let Some(file) = &mut head.file {
            *file = joined(folder, file);
        }
        // A bare name is looked up in PATH.
        if let Some(program) = head.command.first_mut().filter(|program| program.contains('/')) {
            *program = joined(folder, Path::new(program)).to_string_lossy().into_owned();
        }
    }
}
