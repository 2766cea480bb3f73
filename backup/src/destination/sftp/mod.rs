//! A folder on an SFTP server (OpenSSH's, or one with the same extensions) as a destination.
//!
//! Every question takes a journey to the server and back, so none is asked twice: connections are kept, folders that were
//! seen are remembered, and up to [`LANES`] connections are used side by side. What is durable when stands in `write`.

mod connect;
mod listing;
mod write;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ssh2::{ErrorCode, FileStat, Sftp as Channel};

use super::patience::Patience;
use super::queue::Queue;
use super::{Contents, PutError, RemoveError, Removing, Source, SourceError, is_sound};
pub use connect::SftpSettings;
use connect::{ConnectError, connect};

/// Unfinished files, beside the objects so that a rename suffices. Not listed with them.
const INCOMING: &str = "incoming";
/// Connections that are used side by side, at most.
const LANES: usize = 4;

/// SFTP's answers (draft-ietf-secsh-filexfer-02, section 7).
const NO_SUCH_FILE: ErrorCode = ErrorCode::SFTP(2);
const PERMISSION_DENIED: ErrorCode = ErrorCode::SFTP(3);
const UNSUPPORTED: ErrorCode = ErrorCode::SFTP(8);

/// A folder on an SFTP server. Connected when it is first used, and again when the connection broke.
pub struct Sftp {
    settings: SftpSettings,
    /// Connections that nobody uses at the moment.
    idle: Mutex<Vec<Channel>>,
    /// Folders, relative, that this process made or saw there.
    folders: Mutex<BTreeSet<PathBuf>>,
    queue: Queue,
}

impl Sftp {
    /// The folder that these settings describe. Nothing is asked of the server yet.
    pub fn new(settings: SftpSettings) -> Self {
        Self { settings, idle: Mutex::default(), folders: Mutex::default(), queue: Queue::default() }
    }

    fn full(&self, path: &str) -> PathBuf {
        self.settings.folder.join(path)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        // Every change is one push, one pop or a clearing.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else uses meanwhile.
    fn lease(&self) -> Result<Lease<'_>, Trouble> {
        let kept = self.idle().pop();
        let channel = kept.map_or_else(|| connect(&self.settings), Ok)?;
        Ok(Lease { sftp: self, channel: Some(channel) })
    }

    fn once<T>(&self, act: impl FnOnce(&Channel) -> Result<T, ssh2::Error>) -> Result<T, Trouble> {
        self.lease()?.act(act)
    }

    /// Does something that may be done twice: over a connection that broke it is done again over a new one.
    fn again<T>(&self, act: impl Fn(&Channel) -> Result<T, ssh2::Error>) -> Result<T, Trouble> {
        let mut patience = Patience::default();
        loop {
            let failure = match self.once(&act) {
                Err(Trouble::Unreachable(error)) => error,
                done => return done,
            };
            if !patience.wait() {
                return Err(Trouble::Unreachable(failure));
            }
        }
    }

    fn source_error(&self, path: &str, trouble: Trouble) -> SourceError {
        let (place, path) = (self.label(), path.to_owned());
        match trouble {
            Trouble::NotFound if self.folder_is_there() => SourceError::NotFound { place, path },
            Trouble::NotFound => SourceError::Absent { place },
            Trouble::Denied(source) => SourceError::Io { place, path, source },
            Trouble::Refused(reason) => SourceError::Refused { place, source: io::Error::other(reason) },
            Trouble::Unreachable(source) | Trouble::Failed(source) => SourceError::Unreachable { place, source },
        }
    }

    fn put_error(&self, path: &str, trouble: Trouble) -> PutError {
        let (place, path) = (self.label(), path.to_owned());
        match trouble {
            Trouble::NotFound => PutError::Absent { place },
            Trouble::Refused(reason) => PutError::Refused { place, source: io::Error::other(reason) },
            Trouble::Denied(source) | Trouble::Failed(source) => PutError::Io { place, path, source },
            Trouble::Unreachable(source) => PutError::Unreachable { place, source },
        }
    }

    fn folder_is_there(&self) -> bool {
        let is_folder = |channel: &Channel| channel.stat(&self.settings.folder).map(|stat| stat.is_dir());
        self.again(is_folder).unwrap_or(false)
    }

    fn lstat(&self, path: &str) -> Result<Option<FileStat>, Trouble> {
        match self.again(|channel| channel.lstat(&self.full(path))) {
            Ok(stat) => Ok(Some(stat)),
            Err(Trouble::NotFound) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

/// A connection in use. It is kept for the next user unless it broke.
struct Lease<'s> {
    sftp: &'s Sftp,
    channel: Option<Channel>,
}

impl Lease<'_> {
    fn act<T>(&mut self, act: impl FnOnce(&Channel) -> Result<T, ssh2::Error>) -> Result<T, Trouble> {
        let Some(channel) = &self.channel else {
            return Err(Trouble::Unreachable(io::ErrorKind::NotConnected.into()));
        };
        act(channel).map_err(|error| self.noted(error.into()))
    }

    /// Takes note of what failed. Whatever broke one connection broke the others, too.
    fn noted(&mut self, trouble: Trouble) -> Trouble {
        if matches!(trouble, Trouble::Unreachable(_)) {
            self.channel = None;
            self.sftp.idle().clear();
        }
        trouble
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.sftp.idle().extend(self.channel.take());
    }
}

/// What SFTP answers, told apart by what can be done about it.
enum Trouble {
    NotFound,
    Denied(io::Error),
    Refused(String),
    /// The connection.
    Unreachable(io::Error),
    Failed(io::Error),
}

impl Trouble {
    /// What reading and writing say: libssh2's errors come without their code there, but the server's own answers
    /// have words of theirs.
    fn of_io(error: io::Error) -> Self {
        let answers = ["failure", "permission denied", "no space on filesystem", "quota exceeded"];
        if answers.contains(&error.to_string().as_str()) { Self::Failed(error) } else { Self::Unreachable(error) }
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable(error) => Self::Unreachable(error),
            ConnectError::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl From<ssh2::Error> for Trouble {
    fn from(error: ssh2::Error) -> Self {
        match error.code() {
            NO_SUCH_FILE => Self::NotFound,
            PERMISSION_DENIED => Self::Denied(io::Error::from(io::ErrorKind::PermissionDenied)),
            UNSUPPORTED => Self::Failed(io::Error::new(
                io::ErrorKind::Unsupported,
                "the server cannot fsync (fsync@openssh.com), so nothing there would be certain; use OpenSSH's",
            )),
            ErrorCode::SFTP(_) => Self::Failed(error.into()),
            ErrorCode::Session(_) => Self::Unreachable(error.into()),
        }
    }
}

impl Source for Sftp {
    fn label(&self) -> String {
        let SftpSettings { host, port, user, folder, .. } = &self.settings;
        format!("sftp://{user}@{host}:{port}/{}", folder.display())
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        // An object is a regular file; what a link points at is not part of the backup.
        if self.size(path)?.is_none() {
            return Err(self.source_error(path, Trouble::NotFound));
        }
        let failed = |trouble| self.source_error(path, trouble);
        let mut file = self.again(|channel| channel.open(self.full(path))).map_err(failed)?;
        let Some(range) = range else { return Ok(Box::new(file)) };
        file.seek(SeekFrom::Start(range.start)).map_err(|error| failed(Trouble::of_io(error)))?;
        Ok(Box::new(file.take(range.end.saturating_sub(range.start))))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        if !is_sound(path) {
            return Err(SourceError::Path { path: path.to_owned() });
        }
        match self.lstat(path) {
            Ok(Some(stat)) if stat.is_file() => Ok(stat.size),
            Ok(Some(_)) => Ok(None),
            Ok(None) if self.folder_is_there() => Ok(None),
            Ok(None) => Err(self.source_error(path, Trouble::NotFound)),
            Err(trouble) => Err(self.source_error(path, trouble)),
        }
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        if !folder.is_empty() && !is_sound(folder) {
            return Err(SourceError::Path { path: folder.to_owned() });
        }
        let mut contents = match self.again(|channel| listing::read(channel, &self.full(folder))) {
            Ok(Some(contents)) => contents,
            Ok(None) => return Err(SourceError::TooMany { place: self.label(), folder: folder.to_owned() }),
            Err(Trouble::NotFound) if self.folder_is_there() => return Ok(Contents::default()),
            Err(trouble) => return Err(self.source_error(folder, trouble)),
        };
        if folder.is_empty() {
            contents.folders.retain(|name| name != INCOMING);
        }
        contents.objects.sort_unstable();
        contents.folders.sort_unstable();
        Ok(contents)
    }
}

impl Removing for Sftp {
    fn remove(&self, path: &str) -> Result<(), RemoveError> {
        if !is_sound(path) {
            return Err(RemoveError::Path { path: path.to_owned() });
        }
        let removed = self.again(|channel| channel.unlink(&self.full(path)));
        let (place, path) = (self.label(), path.to_owned());
        match removed {
            Ok(()) => Ok(()),
            Err(Trouble::NotFound) if self.folder_is_there() => Ok(()),
            Err(Trouble::NotFound) => Err(RemoveError::Failed { place, path, source: io::ErrorKind::NotFound.into() }),
            Err(Trouble::Denied(source)) => Err(RemoveError::Refused { place, path, source }),
            Err(Trouble::Refused(reason)) => {
                Err(RemoveError::Refused { place, path, source: io::Error::other(reason) })
            }
            Err(Trouble::Unreachable(source) | Trouble::Failed(source)) => {
                Err(RemoveError::Failed { place, path, source })
            }
        }
    }
}

impl std::fmt::Debug for Sftp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sftp({})", self.label())
    }
}
