//! Writes a new plaintext database: the fictitious one of a demonstration, or a small one for a test.
//! Given the same schema and rows it writes the same bytes. Never touches an existing file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params_from_iter};
use thiserror::Error;

use super::schema::quote;
use super::value::SourceValue;

/// A database that could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Something is there already.
    #[error("{path} exists already: choose another name or remove it")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{path} cannot be written: check its folder and the space left")]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `SQLite` refused.
    #[error("{path} cannot be written: check the space left, the schema and the rows")]
    Database {
        /// The path.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// A database being written, under a temporary name until it is finished.
pub struct PlainWriter {
    connection: Connection,
    path: PathBuf,
    partial: PathBuf,
    finished: bool,
}

impl PlainWriter {
    /// Begins a database with these tables and indexes (SQL).
    pub fn create(path: &Path, schema: &str) -> Result<Self, WriteError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        for taken in [path, partial.as_path()] {
            if taken.symlink_metadata().is_ok() {
                return Err(WriteError::Exists { path: taken.into() });
            }
        }
        let failed = |source| WriteError::Database { path: path.into(), source };
        let connection = Connection::open(&partial).map_err(failed)?;
        let writer = Self { connection, path: path.into(), partial, finished: false };
        // No journal: an unfinished file is thrown away, not repaired.
        let settings = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; BEGIN";
        writer.connection.execute_batch(settings).map_err(failed)?;
        writer.connection.execute_batch(schema).map_err(failed)?;
        Ok(writer)
    }

    /// Adds a row with these values, in the order of the table's columns.
    pub fn insert(&self, table: &str, values: &[SourceValue]) -> Result<(), WriteError> {
        let places = vec!["?"; values.len()].join(", ");
        let sql = format!("INSERT INTO {} VALUES ({places})", quote(table));
        let insert = || self.connection.prepare_cached(&sql)?.execute(params_from_iter(values));
        insert().map(drop).map_err(|source| self.failed(source))
    }

    /// Makes it durable and gives it its name.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.connection.execute_batch("COMMIT").map_err(|source| self.failed(source))?;
        self.connection.flush_prepared_statement_cache();
        let put = || {
            File::open(&self.partial)?.sync_all()?;
            // Unlike `rename`, a hard link never replaces a file that came meanwhile.
            fs::hard_link(&self.partial, &self.path)?;
            fs::remove_file(&self.partial)
        };
        put().map_err(|source| WriteError::Io { path: self.path.clone(), source })?;
        self.finished = true;
        Ok(())
    }

    fn failed(&self, source: rusqlite::Error) -> WriteError {
        WriteError::Database { path: self.path.clone(), source }
    }
}

impl Drop for PlainWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing else can be done about a file that cannot be removed; it has its telling name.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
