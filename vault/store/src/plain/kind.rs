//! What a file turns out to be, in words: what it is, and for what cannot be read, the export to
//! make instead. Looks at no file itself (see [`super::header`]).

use std::fmt;

/// How a database stores text, as its header says. `SQLite` converts UTF-16 and hands over UTF-8;
/// "UTF-8" databases hold whatever bytes the application put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextEncoding {
    /// One byte after another, as the application wrote them.
    Utf8,
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
}

/// A sound header of a plaintext `SQLite` 3 database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteFile {
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages that the file has.
    pub pages: u64,
    /// How it stores text.
    pub text: TextEncoding,
    /// Whether it is in write-ahead-log mode.
    pub wal_mode: bool,
    /// Bytes of the write-ahead log beside it, if there is one.
    pub wal: Option<u64>,
    /// Whether a rollback journal of an interrupted write lies beside it.
    pub interrupted: bool,
}

/// What is wrong with a file that begins as a database does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Shorter than its header says.
    Truncated {
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A header field holds what no `SQLite` writes.
    Header {
        /// Which.
        field: &'static str,
    },
    /// Nothing but zeros: a copy that never got its content.
    Zeros,
}

/// What a file is, by its first bytes, its length and what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A plaintext `SQLite` 3 database: can be read.
    Sqlite(SqliteFile),
    /// A damaged one.
    Damaged(Damage),
    /// No byte at all.
    Empty,
    /// Encrypted (`SQLCipher` and others), or random.
    Encrypted,
    /// A dump of `MySQL` or `MariaDB`: SQL text.
    MySqlDump {
        /// The server's version, when the dump says it.
        server: Option<String>,
    },
    /// SQL text that `sqlite3 .dump` wrote.
    SqliteDump,
    /// A dump of `PostgreSQL`.
    PostgresDump,
    /// A table file out of a `MySQL` or `MariaDB` data folder.
    MySqlTable,
    /// A Microsoft Access database.
    Access {
        /// `.accdb` (ACE) rather than `.mdb` (Jet).
        ace: bool,
    },
    /// A database of `SQLite` 2, before 2004.
    Sqlite2,
    /// Compressed; the name of the format.
    Compressed(&'static str),
    /// A file encrypted with age.
    Age,
    /// Other text, such as CSV.
    Text,
    /// Nothing known.
    Unknown,
}

impl SourceKind {
    /// The database, when it can be read.
    pub const fn readable(&self) -> Option<&SqliteFile> {
        match self {
            Self::Sqlite(file) => Some(file),
            _ => None,
        }
    }

    /// What to do with a file that cannot be read: the export to make instead. Empty for one that can.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Damaged(Damage::Truncated { .. }) => {
                "copy it again with the application stopped, or make a copy with `sqlite3 FILE \".backup COPY\"`"
            }
            Self::Damaged(_) => {
                "take an older copy, or save what can be read with `sqlite3 FILE .recover | sqlite3 RECOVERED` and let Legal check it"
            }
            Self::Empty => "check the path, and copy the database again with the application stopped",
            Self::Encrypted => {
                "export it in the clear where its key is known: in `sqlcipher`, PRAGMA key, ATTACH 'plain.sqlite' AS plain KEY '', SELECT sqlcipher_export('plain')"
            }
            Self::MySqlDump { .. } | Self::MySqlTable => {
                "load it into a MySQL server, export its tables with `mysqldump --no-create-db`, turn that into SQLite with `mysql2sqlite DUMP.sql | sqlite3 legacy.sqlite`, and import legacy.sqlite"
            }
            Self::SqliteDump => "load it with `sqlite3 legacy.sqlite < FILE` and import legacy.sqlite",
            Self::PostgresDump => {
                "restore it, export its tables as CSV, load them with `sqlite3 legacy.sqlite` (.import), and import that"
            }
            Self::Access { .. } => {
                "export it with mdbtools: `mdb-schema FILE sqlite | sqlite3 legacy.sqlite`, then `mdb-export -I sqlite FILE TABLE | sqlite3 legacy.sqlite` for each table"
            }
            Self::Sqlite2 => "convert it with `sqlite FILE .dump | sqlite3 legacy.sqlite`",
            Self::Compressed(_) => "decompress it first",
            Self::Age => "decrypt it first with `age --decrypt`, to a disk that may hold such data",
            Self::Text => {
                "load it into a database with `sqlite3 legacy.sqlite` (.mode csv, .import FILE TABLE), and import that"
            }
            Self::Unknown => "export the data to a SQLite 3 database",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => f.write_str("a SQLite 3 database"),
            Self::Damaged(Damage::Truncated { expected, found }) => {
                write!(f, "a SQLite 3 database cut off at {found} bytes of {expected}")
            }
            Self::Damaged(Damage::Header { field }) => {
                write!(f, "a SQLite 3 database with a damaged header (its {field} is impossible)")
            }
            Self::Damaged(Damage::Zeros) => f.write_str("a file of zeros, a copy that never got its content"),
            Self::Empty => f.write_str("empty"),
            Self::Encrypted => f.write_str("encrypted (SQLCipher or another cipher) or random"),
            Self::MySqlDump { server: Some(version) } => write!(f, "a MySQL or MariaDB dump (server {version})"),
            Self::MySqlDump { server: None } => f.write_str("a MySQL or MariaDB dump"),
            Self::SqliteDump => f.write_str("a SQLite dump (SQL text), not a database"),
            Self::PostgresDump => f.write_str("a PostgreSQL dump"),
            Self::MySqlTable => f.write_str("a table file of a MySQL or MariaDB server"),
            Self::Access { ace: true } => f.write_str("a Microsoft Access database (ACE, .accdb)"),
            Self::Access { ace: false } => f.write_str("a Microsoft Access database (Jet, .mdb)"),
            Self::Sqlite2 => f.write_str("a SQLite 2 database"),
            Self::Compressed(format) => write!(f, "a {format} file"),
            Self::Age => f.write_str("a file encrypted with age"),
            Self::Text => f.write_str("text, not a database"),
            Self::Unknown => f.write_str("not a format known here"),
        }
    }
}
