//! Other systems than the vault, protected before and after their migration: a SQLite database, a folder, the output of
//! a command. Each becomes snapshots in a restic repository, encrypted to the recovery recipient before restic sees it,
//! unless it is declared not sensitive: whoever may prune a repository can read what is in it.
//!
//! Architecture invariants: this runs on the source's host, where there is no vault and no key; only `run` starts
//! processes; what was not read to its end becomes no snapshot. Why SQLite's own program makes the copy of a database:
//! `docs/adr/027-sources-through-their-own-programs.md`.

mod backup;
mod choice;
mod content;
mod directory;
mod error;
mod private;
mod restore;
mod run;
mod sqlite;
mod standing;
mod state;

use std::path::PathBuf;

use coffre_core::ids::Environment;

pub use backup::{Done, Job, back_up};
pub use choice::{Chosen, Which};
pub use content::{Contents, Trouble};
pub use error::{ReadError, SourceRestoreError, SourceRunError};
pub use restore::{Restored, restore};
pub use standing::{SourceStanding, standing};
pub use state::{Good, SourceState, SourcesState};

use crate::restic::Selection;

/// The tag of every snapshot of a source.
pub const TAG: &str = "coffre-source";

/// A system to protect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherSource {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it is encrypted before restic sees it.
    pub sensitive: bool,
    /// How old its last good backup may be, in seconds.
    pub objective_seconds: i64,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A SQLite database, which may be in use.
    Sqlite {
        /// The database.
        database: PathBuf,
        /// Where its copy is kept for a moment, in clear: a file system in memory.
        scratch: PathBuf,
    },
    /// A folder with all that is in it.
    Directory {
        /// The folder.
        folder: PathBuf,
    },
    /// What a command writes to its standard output.
    Command {
        /// The program and its arguments; no shell.
        command: Vec<String>,
    },
}

impl Kind {
    /// As it is called in the configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Directory { .. } => "directory",
            Self::Command { .. } => "command",
        }
    }
}

impl OtherSource {
    /// The name of the file in its snapshots; says how to open it.
    pub fn object(&self) -> String {
        let what = match self.kind {
            Kind::Sqlite { .. } => "database.sqlite",
            Kind::Directory { .. } => FILES,
            Kind::Command { .. } => "dump",
        };
        if self.sensitive { format!("{what}{SEALED}") } else { what.to_owned() }
    }
}

/// What a folder becomes.
const FILES: &str = "files.tar";
/// What an encrypted file ends with.
const SEALED: &str = ".age";

/// The host that snapshots of a source are filed under, wherever they are made.
pub fn host(environment: &Environment, source: &str) -> String {
    format!("{environment}-source-{source}")
}

/// The snapshots of these sources.
pub fn selection<'a>(environment: &Environment, names: impl IntoIterator<Item = &'a str>) -> Selection {
    let hosts = names.into_iter().map(|name| host(environment, name)).collect();
    Selection { hosts, tags: vec![TAG.to_owned()] }
}
