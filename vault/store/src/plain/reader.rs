//! Opens a foreign database for reading, in one consistent snapshot. Writes nothing into it.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use thiserror::Error;

use super::inspect::{InspectError, inspect};
use super::kind::{SourceKind, SqliteFile, TextEncoding};
use super::schema::Table;

/// How long to wait for the application's own write to end.
const BUSY: Duration = Duration::from_secs(10);

/// A source that does not open.
#[derive(Debug, Error)]
pub enum OpenSourceError {
    /// It could not be looked at.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// It is something else than a readable database.
    #[error("{path} is {kind}: {}", kind.remedy())]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: SourceKind,
    },
    /// An interrupted write lies beside it, and only a writer may undo it.
    #[error(
        "{path} was being written when its application or machine stopped: start and stop the application once, or make a copy with `sqlite3 {path} \".backup COPY\"` and import the copy"
    )]
    Interrupted {
        /// The file.
        path: PathBuf,
    },
    /// The application holds it.
    #[error(
        "{path} is being written and stayed locked for 10 seconds: import when the application is idle, or import a copy"
    )]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Its pages contradict one another.
    #[error(
        "{path} is a damaged SQLite 3 database: take an older copy, or save what can be read with `sqlite3 {path} .recover | sqlite3 RECOVERED` and let Legal check it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Anything else `SQLite` reports.
    #[error("{path} does not open: check its permissions and those of its folder, or import a copy")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it reports.
        source: rusqlite::Error,
    },
}

/// A row or value that could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The database is damaged there, or the disk fails.
    #[error("table {table} cannot be read to its end: check the disk, or import another copy")]
    Database {
        /// Which table.
        table: String,
        /// What `SQLite` reports.
        source: rusqlite::Error,
    },
    /// Keys that have no common order across tables.
    #[error(
        "the keys of table {table} have no usable order (row {row} comes out of turn): their column mixes text with NUL bytes inside; clean it in a copy"
    )]
    KeyOrder {
        /// Which table.
        table: String,
        /// The row's id.
        row: i64,
    },
}

/// What tells that somebody has written to a file: its inode and length, and when its content and anything of it changed last.
type Stamp = (u64, u64, [i64; 4]);

/// A foreign database, open for reading. What it shows does not change while it is open: an
/// application that uses a rollback journal waits with its commits until it is dropped. Where nothing
/// keeps an application from writing, [`is_unchanged`](Self::is_unchanged) says whether one has.
pub struct PlainReader {
    pub(super) connection: Connection,
    path: PathBuf,
    file: SqliteFile,
    /// Where the file is not locked: what it was before it was looked at.
    unlocked: Option<Stamp>,
}

impl PlainReader {
    /// Opens it, checks its pages, and takes the snapshot.
    pub fn open(path: &Path) -> Result<Self, OpenSourceError> {
        let before = stamp(path);
        let kind = inspect(path)?;
        let Some(file) = kind.readable().copied() else {
            return Err(OpenSourceError::NotReadable { path: path.into(), kind });
        };
        let named = |source| open_error(path, &file, source);
        let connection = connect(path, &file).map_err(named)?;
        if structurally_sound(&connection).map_err(named)? {
            Ok(Self { connection, path: path.into(), file, unlocked: before.filter(|_| is_at_rest(&file)) })
        } else {
            Err(OpenSourceError::Damaged { path: path.into() })
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all that was read is of one moment: nobody has written to the file since it was opened, unless it is locked.
    pub fn is_unchanged(&self) -> bool {
        self.unlocked.is_none_or(|before| stamp(&self.path) == Some(before))
    }

    /// How it stores text: UTF-16 is handed over as UTF-8.
    pub const fn text_encoding(&self) -> TextEncoding {
        self.file.text
    }

    /// How many rows a table has.
    pub fn count(&self, table: &Table) -> Result<u64, ReadError> {
        let sql = format!("SELECT count(*) FROM {}", table.quoted());
        self.connection
            .query_row(&sql, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .map_err(|e| table.read_error(e))
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()]))
}

/// With a write-ahead log, SQLite wants files beside the database, unless it is told that nobody writes: true when the log
/// is absent, since its absence means that no connection is open. One may be opened later, and nothing is locked.
const fn is_at_rest(file: &SqliteFile) -> bool {
    file.wal_mode && file.wal.is_none()
}

fn connect(path: &Path, file: &SqliteFile) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, is_at_rest(file)), flags)?;
    connection.busy_timeout(BUSY)?;
    // A foreign schema is not trusted: no function or trigger of its own runs, and a misspelt
    // column is an error instead of a text constant.
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        connection.set_db_config(setting, value)?;
    }
    // Temporary storage stays in memory: personal data must not reach a temporary file.
    connection.execute_batch("PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; BEGIN")?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// `PRAGMA quick_check` also reports rows that break the application's own constraints; those can be
/// read all the same. It checks the pages first, so its first message decides.
fn structurally_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let first: Option<String> = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .optional()
        .or_else(|error| match error {
            rusqlite::Error::SqliteFailure(cause, _) if cause.code == ErrorCode::DatabaseCorrupt => {
                Ok(Some("Tree".into()))
            }
            other => Err(other),
        })?;
    let structural = ["***", "Tree", "Page", "Freelist", "Main freelist", "malformed", "database disk image"];
    Ok(!first.is_some_and(|message| structural.iter().any(|sign| message.starts_with(sign))))
}

fn open_error(path: &Path, file: &SqliteFile, source: rusqlite::Error) -> OpenSourceError {
    let path = path.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenSourceError::Busy { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenSourceError::Damaged { path },
        // Page 1 is not what the header promised: a cipher that leaves the first bytes in the clear.
        Some(ErrorCode::NotADatabase) => OpenSourceError::NotReadable { path, kind: SourceKind::Encrypted },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) if file.interrupted => OpenSourceError::Interrupted { path },
        _ => OpenSourceError::Database { path, source },
    }
}

/// The path as `SQLite`'s URI, which is the only way to say `immutable`.
fn uri(path: &Path, immutable: bool) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "file:" });
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?mode=ro");
    if immutable {
        uri.push_str("&immutable=1");
    }
    uri
}
