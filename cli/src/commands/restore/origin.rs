//! Where a restore takes its objects from: a folder, or a restic repository with the keyring from a folder beside it.

use std::fs;
use std::path::{Path, PathBuf};

use coffre_backup::Sources;
use coffre_backup::destination::FileSystem;
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::snapshot::Snapshot;
use coffre_core::spool::{Pinned, Side};

use super::Arguments;
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::place;
use crate::progress::Watch;

/// The place, found and not opened yet.
pub(super) enum Origin {
    /// A spool or a destination.
    Folder { main: FileSystem, keyring: FileSystem },
    /// A repository.
    Repository { restic: Restic, repository: Repository, snapshot: Option<String>, keyring: FileSystem },
}

/// The place, open.
pub(super) enum Open<'a> {
    Folder { main: &'a FileSystem, keyring: &'a FileSystem },
    Snapshot { main: Box<Snapshot<'a>>, keyring: &'a FileSystem },
}

impl Origin {
    /// A folder that holds the main side of backups is one; everything else is restic's to find.
    pub(super) fn find(arguments: &Arguments, global: &Global) -> anyhow::Result<Self> {
        let folder = Path::new(&arguments.from);
        if folder.join(Side::Main.folder()).is_dir() {
            let keyring = arguments.keyring.as_deref().unwrap_or(folder);
            return Ok(Self::Folder { main: FileSystem::new(folder), keyring: FileSystem::new(keyring) });
        }
        if folder.is_dir() && !folder.join("config").is_file() {
            let cause = format!("{} holds neither backups of Coffre nor a restic repository", folder.display());
            return Err(Complaint::usage(cause, "name a spool, a destination, or a restic repository").into());
        }
        if configuration::is_local(&arguments.from) && !folder.exists() {
            let cause = format!("{} is not there", folder.display());
            return Err(Complaint::new(Exit::Temporary, cause, "check the path, and that the disk is mounted").into());
        }
        let Some(keyring) = &arguments.keyring else {
            let cause = "a restic repository never holds the keyring";
            return Err(Complaint::usage(cause, "name a spool or a destination that does with --keyring DIR").into());
        };
        Ok(Self::Repository {
            restic: Restic::find(arguments.restic.as_deref())?,
            repository: Repository::new(location(&arguments.from)?, password_file(arguments, global)?),
            snapshot: arguments.snapshot.clone(),
            keyring: FileSystem::new(keyring),
        })
    }

    /// Opens it. What restic fetches waits beside the directory to restore to, on the same disk.
    pub(super) fn open(&self, pinned: &Pinned, directory: &Path, watch: &mut Watch) -> anyhow::Result<Open<'_>> {
        match self {
            Self::Folder { main, keyring } => Ok(Open::Folder { main, keyring }),
            Self::Repository { restic, repository, snapshot, keyring } => {
                let scratch = directory.parent().unwrap_or(directory);
                fs::create_dir_all(scratch)?;
                let main = Snapshot::open(restic, repository, &pinned.scope, snapshot.as_deref(), scratch, watch)?;
                Ok(Open::Snapshot { main: Box::new(main), keyring })
            }
        }
    }
}

impl Open<'_> {
    /// Its two sides.
    pub(super) fn sources(&self) -> Sources<'_> {
        match self {
            Self::Folder { main, keyring } => Sources { main: Some(*main), keyring: Some(*keyring) },
            Self::Snapshot { main, keyring } => Sources { main: Some(main.as_ref()), keyring: Some(*keyring) },
        }
    }
}

/// As restic takes it, from wherever restic is started.
fn location(from: &str) -> anyhow::Result<String> {
    if configuration::is_local(from) { place::absolute_text(Path::new(from)) } else { Ok(from.to_owned()) }
}

fn password_file(arguments: &Arguments, global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(file) = &arguments.password_file {
        return Ok(file.clone());
    }
    let configured = configuration::locate(global.config.as_deref(), None)
        .and_then(|file| Configuration::load(&file))
        .ok()
        .and_then(|configuration| configuration.backup?.restic);
    let unknown = || Complaint::usage("the repository's password is not known", "name its file with --password-file");
    Ok(configured.ok_or_else(unknown)?.password()?)
}
