//! Reads one large value of a foreign database piece by piece, so that a document of any size needs
//! little memory. Knows nothing of what the bytes mean.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use rusqlite::blob::Blob;
use rusqlite::{MAIN_DB, OptionalExtension};
use thiserror::Error;

use super::reader::{PlainReader, ReadError};
use super::schema::{Table, quote};

/// A value that cannot be opened as bytes.
#[derive(Debug, Error)]
pub enum BlobError {
    /// It is NULL or a number, or the row is gone.
    #[error("the value is {class}, not bytes")]
    NotBytes {
        /// Its storage class.
        class: String,
    },
    /// The database cannot be read there.
    #[error(transparent)]
    Read(#[from] ReadError),
}

enum Source<'r> {
    Incremental(Blob<'r>),
    /// `SQLite` does not open values of a table with generated columns piece by piece.
    Whole(Cursor<Vec<u8>>),
}

/// The bytes of one value.
pub struct BlobReader<'r> {
    source: Source<'r>,
    length: u64,
}

impl BlobReader<'_> {
    /// How many bytes there are.
    pub const fn length(&self) -> u64 {
        self.length
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Incremental(blob) => blob.read(buffer),
            Source::Whole(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for BlobReader<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.source {
            Source::Incremental(blob) => blob.seek(position),
            Source::Whole(bytes) => bytes.seek(position),
        }
    }
}

impl PlainReader {
    /// Opens the value of a column in a row.
    pub fn blob(&self, table: &Table, column: &str, row: i64) -> Result<BlobReader<'_>, BlobError> {
        let class = self.class_of(table, column, row)?;
        if class != "blob" && class != "text" {
            return Err(BlobError::NotBytes { class });
        }
        if let Ok(blob) = self.connection.blob_open(MAIN_DB, table.name(), column, row, true) {
            let length = blob.len() as u64;
            return Ok(BlobReader { source: Source::Incremental(blob), length });
        }
        let sql = format!("SELECT {} FROM {} WHERE {} = ?1", quote(column), table.quoted(), table.rowid());
        let fetch = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_bytes_or_null()?.unwrap_or_default().to_vec());
        let bytes = self.connection.query_row(&sql, [row], fetch).map_err(|e| table.read_error(e))?;
        Ok(BlobReader { length: bytes.len() as u64, source: Source::Whole(Cursor::new(bytes)) })
    }

    fn class_of(&self, table: &Table, column: &str, row: i64) -> Result<String, ReadError> {
        let sql = format!("SELECT typeof({}) FROM {} WHERE {} = ?1", quote(column), table.quoted(), table.rowid());
        let read = || self.connection.prepare_cached(&sql)?.query_row([row], |r| r.get(0)).optional();
        Ok(read().map_err(|e| table.read_error(e))?.unwrap_or_else(|| "absent".to_owned()))
    }
}
