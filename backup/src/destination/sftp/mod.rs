//! A folder on an SFTP server (OpenSSH's, or one with the same extensions) as a destination.
//!
//! What is durable when, for each object: it is written under a temporary name in `incoming/`, fsynced
//! (`fsync@openssh.com`), renamed, which there never replaces anything, and fsynced again: SFTP has no fsync of a
//! folder, and on file systems with a journal the second one takes the new name along.

mod connect;

use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::crypto::hex;
use ssh2::{ErrorCode, File, FileStat, OpenFlags, OpenType, RenameFlags, Sftp as Channel};

use super::patience::Patience;
use super::{Contents, Destination, PutError, RemoveError, Removing, Source, SourceError, is_sound};
pub use connect::SftpSettings;
use connect::{ConnectError, connect};

/// Unfinished files, beside the objects so that a rename suffices. Not listed with them.
const INCOMING: &str = "incoming";
const FILE_MODE: i32 = 0o640;
const FOLDER_MODE: i32 = 0o750;
/// libssh2 sends a large piece as many packets at once, so that the journey there and back is waited for once.
const PIECE: usize = 1 << 20;

/// SFTP's answers (draft-ietf-secsh-filexfer-02, section 7).
const NO_SUCH_FILE: ErrorCode = ErrorCode::SFTP(2);
const PERMISSION_DENIED: ErrorCode = ErrorCode::SFTP(3);
const UNSUPPORTED: ErrorCode = ErrorCode::SFTP(8);

/// A folder on an SFTP server. Connected when it is first used, and again when the connection broke.
pub struct Sftp {
    settings: SftpSettings,
    channel: Mutex<Option<Channel>>,
}

impl Sftp {
    /// The folder that these settings describe. Nothing is asked of the server yet.
    pub fn new(settings: SftpSettings) -> Self {
        Self { settings, channel: Mutex::new(None) }
    }

    fn full(&self, path: &str) -> PathBuf {
        self.settings.folder.join(path)
    }

    fn channel(&self) -> Result<MutexGuard<'_, Option<Channel>>, ConnectError> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        if channel.is_none() {
            *channel = Some(connect(&self.settings)?);
        }
        Ok(channel)
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

    fn once<T>(&self, act: impl FnOnce(&Channel) -> Result<T, ssh2::Error>) -> Result<T, Trouble> {
        let mut guard = self.channel()?;
        let Some(channel) = guard.as_ref() else {
            return Err(Trouble::Unreachable(io::ErrorKind::NotConnected.into()));
        };
        act(channel).map_err(|error| {
            let trouble = Trouble::from(error);
            if matches!(trouble, Trouble::Unreachable(_)) {
                *guard = None;
            }
            trouble
        })
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

    /// Makes the folders of a path that are not there.
    fn create_folders(&self, below: &Path) -> Result<(), Trouble> {
        let mut folder = self.settings.folder.clone();
        for part in below {
            folder.push(part);
            let made = self.again(|channel| channel.mkdir(&folder, FOLDER_MODE));
            if let Err(trouble) = made
                && !self.again(|channel| channel.stat(&folder)).is_ok_and(|stat| stat.is_dir())
            {
                return Err(trouble);
            }
        }
        Ok(())
    }

    fn copy(&self, file: &mut File, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let mut size = 0;
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            piece.clear();
            let read = content.take(PIECE as u64).read_to_end(&mut piece);
            read.map_err(|source| PutError::Content { path: path.to_owned(), source })?;
            if piece.is_empty() {
                return Ok(size);
            }
            file.write_all(&piece).map_err(|source| self.put_error(path, Trouble::of_io(source)))?;
            size += piece.len() as u64;
        }
    }

    /// Writes the temporary file and gives it its name.
    fn write(&self, path: &str, temporary: &Path, content: &mut dyn Read) -> Result<u64, PutError> {
        let failed = |trouble| self.put_error(path, trouble);
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        let open = |channel: &Channel| channel.open_mode(temporary, flags, FILE_MODE, OpenType::File);
        let mut file = self.once(open).map_err(failed)?;
        let size = self.copy(&mut file, path, content)?;
        file.fsync().map_err(|error| failed(error.into()))?;
        // Durable: the content, under the temporary name.
        let target = self.full(path);
        let renamed = self.once(|channel| channel.rename(temporary, &target, Some(RenameFlags::empty())));
        if let Err(trouble) = renamed {
            return Err(match self.lstat(path) {
                Ok(Some(_)) => PutError::Exists { place: self.label(), path: path.to_owned() },
                _ => failed(trouble),
            });
        }
        file.fsync().map_err(|error| failed(error.into()))?;
        // Durable: the name, as far as SFTP can say it.
        Ok(size)
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
        let entries = match self.again(|channel| channel.readdir(self.full(folder))) {
            Ok(entries) => entries,
            Err(Trouble::NotFound) if self.folder_is_there() => return Ok(Contents::default()),
            Err(trouble) => return Err(self.source_error(folder, trouble)),
        };
        let mut contents = Contents::default();
        for (entry, stat) in entries {
            let Some(name) = entry.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            if !stat.is_dir() {
                contents.objects.push((name, stat.size.unwrap_or(0)));
            } else if !(folder.is_empty() && name == INCOMING) {
                contents.folders.push(name);
            }
        }
        contents.objects.sort_unstable();
        contents.folders.sort_unstable();
        Ok(contents)
    }
}

impl Destination for Sftp {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        if !is_sound(path) || path.split('/').next() == Some(INCOMING) {
            return Err(PutError::Path { path: path.to_owned() });
        }
        let failed = |trouble| self.put_error(path, trouble);
        if self.lstat(path).map_err(failed)?.is_some() {
            return Err(PutError::Exists { place: self.label(), path: path.to_owned() });
        }
        // Not below a folder that is not there: it may be a disk that is not mounted.
        self.again(|channel| channel.stat(&self.settings.folder)).map_err(failed)?;
        self.create_folders(Path::new(INCOMING)).map_err(failed)?;
        self.create_folders(Path::new(path).parent().unwrap_or(Path::new(""))).map_err(failed)?;
        let mut random = [0; 16];
        let dice = |error: getrandom::Error| failed(Trouble::Failed(io::Error::other(error.to_string())));
        getrandom::fill(&mut random).map_err(dice)?;
        let temporary = self.settings.folder.join(INCOMING).join(hex(&random));
        self.write(path, &temporary, content).inspect_err(|_| {
            // Best effort: a name in `incoming/` that the next run clears.
            drop(self.once(|channel| channel.unlink(&temporary)));
        })
    }

    fn tidy(&self) -> Result<(), PutError> {
        let failed = |trouble| self.put_error(INCOMING, trouble);
        let incoming = self.settings.folder.join(INCOMING);
        let left = match self.again(|channel| channel.readdir(&incoming)) {
            Ok(left) => left,
            Err(Trouble::NotFound) => return Ok(()),
            Err(trouble) => return Err(failed(trouble)),
        };
        for (file, _) in left {
            match self.again(|channel| channel.unlink(&file)) {
                // Where this account may remove nothing, what is left over stays: it has no name that counts.
                Ok(()) | Err(Trouble::NotFound | Trouble::Denied(_)) => {}
                Err(trouble) => return Err(failed(trouble)),
            }
        }
        Ok(())
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
