//! One `[[backup.source]]`: another system on this host, to be protected beside the vault.

use std::path::{Path, PathBuf};

use coffre_backup::other_sources::{Kind, OtherSource};
use serde::Deserialize;

use super::joined;

/// One `[[backup.source]]`. Exactly one of `sqlite`, `directory` and `command` is set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    name: String,
    /// Whether it is encrypted before restic sees it.
    #[serde(default = "yes")]
    pub(crate) sensitive: bool,
    #[serde(default = "a_day_and_two_hours")]
    objective_hours: u32,
    sqlite: Option<PathBuf>,
    /// Where the copy of a database is kept for a moment: a file system in memory unless named.
    scratch: Option<PathBuf>,
    directory: Option<PathBuf>,
    command: Option<Vec<String>>,
}

const fn yes() -> bool {
    true
}

const fn a_day_and_two_hours() -> u32 {
    26
}

/// Linux's own file system in memory.
const IN_MEMORY: &str = "/dev/shm";

/// What makes no sense.
pub(super) fn check(sources: &[Source]) -> Result<(), &'static str> {
    for (index, source) in sources.iter().enumerate() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=64).contains(&source.name.len()) || !source.name.chars().all(allowed) || source.name.starts_with('.') {
            return Err("a source has no name; give it 1 to 64 letters, digits, '.', '_' and '-'");
        }
        if sources.iter().skip(index + 1).any(|other| other.name == source.name) {
            return Err("two sources have one name; name each after what it is");
        }
        let kinds = [source.sqlite.is_some(), source.directory.is_some(), source.command.is_some()];
        if kinds.iter().filter(|kind| **kind).count() != 1 {
            return Err("a source is not one thing; set exactly one of `sqlite`, `directory` and `command`");
        }
        if source.scratch.is_some() && source.sqlite.is_none() {
            return Err("only a source of kind `sqlite` has a `scratch`; remove it");
        }
        if source.command.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            return Err("the command of a source has no program; give it as an array, the program first");
        }
        if source.objective_hours == 0 {
            return Err("the `objective_hours` of a source is 0; use the hours after which its backup is too old");
        }
    }
    Ok(())
}

impl Source {
    /// Every path in it, from a folder on. Those within a command are its own.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        for path in self.sqlite.iter_mut().chain(&mut self.scratch).chain(&mut self.directory) {
            *path = joined(folder, path);
        }
        // A bare name is looked up in PATH.
        if let Some(program) = self.command.iter_mut().find_map(|command| command.first_mut())
            && program.contains('/')
        {
            *program = joined(folder, Path::new(program)).to_string_lossy().into_owned();
        }
    }

    /// The source as the backup crate knows it; none of no kind, which `check` refuses.
    pub(crate) fn known(&self) -> Option<OtherSource> {
        let kind = match (&self.sqlite, &self.directory, &self.command) {
            (Some(database), ..) => Kind::Sqlite {
                database: database.clone(),
                scratch: self.scratch.clone().unwrap_or_else(|| IN_MEMORY.into()),
            },
            (_, Some(folder), _) => Kind::Directory { folder: folder.clone() },
            (.., Some(command)) => Kind::Command { command: command.clone() },
            (None, None, None) => return None,
        };
        Some(OtherSource {
            name: self.name.clone(),
            kind,
            sensitive: self.sensitive,
            objective_seconds: i64::from(self.objective_hours) * 3600,
        })
    }
}
