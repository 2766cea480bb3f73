//! Where a restore takes its objects from: a folder, a destination of the configuration, or a restic repository with the
//! keyring from one of the others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_backup::Sources;
use coffre_backup::destination::{FileSystem, Source};
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::snapshot::Snapshot;
use coffre_core::spool::{Pinned, Side};
use coffre_store::clock::{Clock as _, SystemClock};

use super::Arguments;
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Backup, Configuration, Destination, Opened};
use crate::exit::Exit;
use crate::place;
use crate::progress::Watch;

/// The place, found and not opened yet.
pub(super) enum Origin {
    /// A spool or a destination.
    Place { main: Opened, keyring: Opened },
    /// A repository.
    Repository { restic: Restic, repository: Repository, snapshot: Option<String>, keyring: Opened },
}

/// The place, open.
pub(super) enum Open<'a> {
    Place { main: &'a dyn Source, keyring: &'a dyn Source },
    Snapshot { main: Box<Snapshot<'a>>, keyring: &'a dyn Source },
}

impl Origin {
    /// A folder that holds the main side of backups is one, and so is a destination named as in the configuration;
    /// everything else is restic's to find.
    pub(super) fn find(arguments: &Arguments, global: &Global) -> anyhow::Result<Self> {
        let folder = Path::new(&arguments.from);
        let side = fs::metadata(folder.join(Side::Main.folder()));
        if side.as_ref().is_ok_and(fs::Metadata::is_dir) {
            let keyring = arguments.keyring.as_deref().unwrap_or(folder);
            return Ok(Self::Place { main: Box::new(FileSystem::new(folder)), keyring: place(keyring, global)? });
        }
        if let Some(main) = configured(folder, global)? {
            let keyring = arguments.keyring.as_deref().unwrap_or(folder);
            return Ok(Self::Place { main, keyring: place(keyring, global)? });
        }
        if let Some((repository, program)) = repository(arguments, global)? {
            return Self::of_repository(arguments, global, repository, program.as_deref());
        }
        if side.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            let cause = format!("this account may not look into {}", folder.display());
            let remedy = "let it read all of that: on another host accounts have other numbers, see `ls -ln`";
            return Err(Complaint::usage(cause, remedy).into());
        }
        if folder.is_dir() && !folder.join("config").is_file() {
            let cause = format!("{} holds neither backups of Coffre nor a restic repository", folder.display());
            return Err(Complaint::usage(cause, "name a spool, a destination, or a restic repository").into());
        }
        if configuration::is_local(&arguments.from) && !folder.exists() {
            let cause = format!("{} is not there", folder.display());
            return Err(Complaint::new(Exit::Temporary, cause, "check the path, and that the disk is mounted").into());
        }
        let password_file = match (&arguments.password_file, backup(global).and_then(|backup| backup.restic)) {
            (Some(file), _) => file.clone(),
            (None, Some(restic)) => restic.password()?,
            (None, None) => {
                let cause = "the repository's password is not known";
                return Err(Complaint::usage(cause, "name its file with --password-file").into());
            }
        };
        let repository = Repository::new(location(&arguments.from)?, password_file);
        Self::of_repository(arguments, global, repository, None)
    }

    fn of_repository(
        arguments: &Arguments,
        global: &Global,
        repository: Repository,
        program: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let Some(keyring) = &arguments.keyring else {
            let cause = "a restic repository never holds the keyring";
            return Err(Complaint::usage(cause, "name a spool or a destination that does with --keyring PLACE").into());
        };
        Ok(Self::Repository {
            restic: Restic::find(arguments.restic.as_deref().or(program))?,
            repository,
            snapshot: arguments.snapshot.clone(),
            keyring: place(keyring, global)?,
        })
    }

    /// Opens it. What restic fetches waits beside the directory to restore to, on the same disk.
    pub(super) fn open(&self, pinned: &Pinned, directory: &Path, watch: &mut Watch) -> anyhow::Result<Open<'_>> {
        match self {
            Self::Place { main, keyring } => Ok(Open::Place { main: &**main, keyring: &**keyring }),
            Self::Repository { restic, repository, snapshot, keyring } => {
                let scratch = directory.parent().unwrap_or(directory);
                fs::create_dir_all(scratch)?;
                let main = Snapshot::open(
                    restic,
                    repository,
                    &pinned.scope,
                    snapshot.as_deref(),
                    SystemClock.now(),
                    scratch,
                    watch,
                )?;
                Ok(Open::Snapshot { main: Box::new(main), keyring: &**keyring })
            }
        }
    }
}

impl Open<'_> {
    /// Its two sides.
    pub(super) fn sources(&self) -> Sources<'_> {
        match self {
            Self::Place { main, keyring } => Sources { main: Some(*main), keyring: Some(*keyring) },
            Self::Snapshot { main, keyring } => Sources { main: Some(main.as_ref()), keyring: Some(*keyring) },
        }
    }
}

/// A folder, or a destination of the configuration by its name.
fn place(named: &Path, global: &Global) -> anyhow::Result<Opened> {
    Ok(configured(named, global)?.unwrap_or_else(|| Box::new(FileSystem::new(named))))
}

/// The destination of this name, unless there is a folder of that name.
fn configured(name: &Path, global: &Global) -> anyhow::Result<Option<Opened>> {
    if name.is_dir() {
        return Ok(None);
    }
    let found = destinations(global).into_iter().find(|destination| name == Path::new(&destination.name));
    found.map(|destination| destination.open()).transpose()
}

/// The destinations of the configuration, if there is one.
pub(super) fn destinations(global: &Global) -> Vec<Destination> {
    backup(global).map(|backup| backup.destinations).unwrap_or_default()
}

/// The spool of the configuration, if there is one.
pub(super) fn spool(global: &Global) -> Option<PathBuf> {
    backup(global)?.spool().ok().map(Path::to_owned)
}

/// As restic takes it, from wherever restic is started.
fn location(from: &str) -> anyhow::Result<String> {
    if configuration::is_local(from) { place::absolute_text(Path::new(from)) } else { Ok(from.to_owned()) }
}

/// What the configuration says of backups, if there is one.
fn backup(global: &Global) -> Option<Backup> {
    let file = configuration::locate(global.config.as_deref(), None).ok()?;
    Configuration::load(&file).ok()?.backup
}

/// A repository of the configuration, by its name or by the same place, with what its back end asks for and the program for it.
fn repository(arguments: &Arguments, global: &Global) -> anyhow::Result<Option<(Repository, Option<PathBuf>)>> {
    let Some(mut restic) = backup(global).and_then(|backup| backup.restic) else { return Ok(None) };
    if let Some(file) = &arguments.password_file {
        (restic.password_file, restic.password_credential) = (Some(file.clone()), None);
    }
    // A folder here is no name.
    let by_name = if Path::new(&arguments.from).is_dir() { None } else { restic.find(&arguments.from) };
    let found = match by_name {
        Some(found) => Some(found),
        None => restic.find(&location(&arguments.from)?),
    };
    let Some(mut repository) = found.transpose()? else { return Ok(None) };
    if let Some(file) = &arguments.password_file {
        repository.password_file.clone_from(file);
    }
    Ok(Some((repository, restic.binary)))
}
