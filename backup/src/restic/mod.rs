//! restic, run as a process: history beside the destinations. Coffre relies on what it stores only
//! as far as the signed manifests inside prove it.
//!
//! Architecture invariants: only `run` starts processes; the password is named as a file in the
//! environment; a lock that may be in use is never removed.

mod answer;
mod backup;
mod check;
mod copy;
mod failure;
mod forget;
mod init;
mod lines;
mod locks;
pub mod messages;
mod prune;
mod read;
mod restore;
mod retention;
mod run;
mod silence;
mod stream;
mod unreachable;
mod version;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use backup::{BackupError, Compression, Snapshotted, Subject};
pub use check::{CheckError, ReadData};
pub use copy::CopyError;
pub use failure::{Failure, LockHolder};
pub use forget::{ForgetError, Forgotten, Selection};
pub(crate) use init::INIT_LOCK;
pub use locks::{LeftLock, UnlockError};
pub use prune::{PruneError, Pruned};
pub use restore::RestoreError;
pub use retention::{Every, Retention, Span, SpanError};
pub use run::Exit;
pub use stream::{Stream, StreamError};
pub use version::{Capabilities, Version};

use crate::observer::Observer;
use crate::regular;
use run::{Invocation, RunError, Sink};

/// A restic program that was found and is new enough.
#[derive(Debug, Clone)]
pub struct Restic {
    program: PathBuf,
    version: Version,
}

/// A repository and what opens it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// As restic's `--repo`.
    pub location: String,
    /// The file that holds the password.
    pub password_file: PathBuf,
    /// Where restic keeps its cache; restic decides when there is none.
    pub cache: Option<PathBuf>,
    /// Variables that the back end asks for, such as `AWS_ACCESS_KEY_ID`.
    pub credentials: Vec<(String, OsString)>,
    /// What restic takes with `--option`, such as `sftp.command=…`; no secrets among them.
    pub options: Vec<String>,
}

impl Repository {
    /// A repository without cache folder or credentials of its own.
    pub fn new(location: impl Into<String>, password_file: impl Into<PathBuf>) -> Self {
        Self {
            location: location.into(),
            password_file: password_file.into(),
            cache: None,
            credentials: Vec::new(),
            options: Vec::new(),
        }
    }

    /// The same, of which restic keeps nothing on disk for the next time: how much that is nobody watches.
    #[must_use]
    pub fn uncached(self) -> Self {
        // No folder can be there; restic goes on without.
        Self { cache: Some("/dev/null".into()), ..self }
    }

    /// What to call it in messages: the location without user and password.
    pub fn label(&self) -> String {
        let Some((scheme, rest)) = self.location.split_once("://") else { return self.location.clone() };
        let host = rest.find('/').unwrap_or(rest.len());
        match rest.get(..host).and_then(|authority| authority.rfind('@')) {
            Some(at) => format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default()),
            None => self.location.clone(),
        }
    }
}

impl Restic {
    /// Finds restic in PATH, or the program given, and asks for its version.
    pub fn find(program: Option<&Path>) -> Result<Self, Failure> {
        let name = program.map_or(OsStr::new("restic"), Path::as_os_str);
        let missing = || Failure::Missing { program: name.to_string_lossy().into_owned() };
        let program = run::find(name).ok_or_else(missing)?;
        let (arguments, environment) = (vec!["version".into()], Vec::new());
        let invocation = Invocation { program: &program, arguments, environment, folder: None, lock: None };
        let mut answer = Vec::new();
        let ended = run::run(invocation, &mut |piece, _| answer.extend_from_slice(piece), &mut ());
        let ended = ended.map_err(|error| of_run(error, &program))?;
        let version = Version::parse(&String::from_utf8_lossy(&answer)).filter(|_| ended.exit == Exit::Code(0));
        let version = version.ok_or_else(|| Failure::NotRestic { program: program.clone() })?;
        if version < Version::OLDEST {
            return Err(Failure::TooOld { found: version, needed: Version::OLDEST });
        }
        Ok(Self { program, version })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a command on a repository to its successful end.
    fn run(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        folder: Option<&Path>,
        sink: Sink<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), Failure> {
        let ended = self.run_to_end(repository, arguments, folder, sink, observer)?;
        match ended.exit {
            Exit::Code(0) => Ok(()),
            exit => Err(self.classify(exit, &ended.stderr, repository)),
        }
    }

    /// The same, whatever the end is.
    fn run_to_end(
        &self,
        repository: &Repository,
        arguments: Vec<OsString>,
        folder: Option<&Path>,
        sink: Sink<'_>,
        observer: &mut dyn Observer,
    ) -> Result<run::Ended, Failure> {
        let invocation = self.invocation(repository, arguments, folder)?;
        run::run(invocation, sink, observer).map_err(|error| of_run(error, &self.program))
    }

    /// The process that works on a repository.
    fn invocation<'a>(
        &'a self,
        repository: &Repository,
        arguments: Vec<OsString>,
        folder: Option<&'a Path>,
    ) -> Result<Invocation<'a>, Failure> {
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("RESTIC_REPOSITORY".into(), repository.location.clone().into()),
            ("RESTIC_PASSWORD_FILE".into(), password_file(repository)?.into()),
            ("RESTIC_PROGRESS_FPS".into(), "5".into()),
        ];
        environment.extend(repository.cache.iter().map(|cache| ("RESTIC_CACHE_DIR".into(), cache.into())));
        environment.extend(repository.credentials.iter().map(|(name, value)| (name.into(), value.clone())));
        let options = repository.options.iter().flat_map(|option| ["--option".into(), option.into()]);
        let arguments = options.chain(arguments).collect();
        Ok(Invocation { program: &self.program, arguments, environment, folder, lock: None })
    }

    fn classify(&self, exit: Exit, stderr: &str, repository: &Repository) -> Failure {
        match failure::classify(self.version, exit, stderr, &repository.label()) {
            Failure::Locked { repository, holder: Some(holder) } if holder.has_ended(&host_name(), run::is_there) => {
                Failure::LeftLocked { repository, process: holder.process }
            }
            failure => failure,
        }
    }
}

/// Where the password is, found before restic looks, so that the message names the file.
fn password_file(repository: &Repository) -> Result<PathBuf, Failure> {
    let failed = |source| Failure::PasswordFile { path: repository.password_file.clone(), source };
    let path = repository.password_file.canonicalize().map_err(failed)?;
    // A pipe would keep a drill waiting, and all others after it.
    regular::open(&path).map_err(failed)?;
    Ok(path)
}

/// As restic names this host in its locks.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim_end().to_owned()
}

fn of_run(error: RunError, program: &Path) -> Failure {
    match error {
        RunError::Start(source) => Failure::DoesNotStart { program: program.to_owned(), source },
        RunError::Wait(source) => Failure::Output { source },
        RunError::Cancelled(cancelled) => Failure::Cancelled(cancelled),
    }
}

fn arguments<const N: usize>(arguments: [&str; N]) -> Vec<OsString> {
    arguments.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_no_password() {
        for (location, label) in [
            ("/mnt/repo", "/mnt/repo"),
            ("rest:https://user:pass@host:8000/repo/", "rest:https://host:8000/repo/"),
            ("rest:https://host/repo@2", "rest:https://host/repo@2"),
            ("sftp:user@host:/repo", "sftp:user@host:/repo"),
            ("s3:https://s3.example/bucket", "s3:https://s3.example/bucket"),
        ] {
            assert_eq!(Repository::new(location, "/p").label(), label);
        }
    }
}
