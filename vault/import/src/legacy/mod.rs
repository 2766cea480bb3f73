//! The legacy database as a mapping sees it: its tables verified, its data subjects one after another
//! with all their rows, its documents examined and opened. Translates nothing.

mod documents;
mod join;

use std::io::{self, Read};
use std::path::Path;

use coffre_store::plain::{BlobError, OpenSourceError, PlainReader, ReadError, SchemaError, Table, TextEncoding};
use thiserror::Error;

use self::documents::Documents;
pub(crate) use self::join::{Joined, Subjects};
use crate::candidate::{DocumentCandidate, DocumentOrigin};
use crate::document::Verified;
use crate::mapping::{Mapping, Source};
use crate::target::DocumentBodies;
use crate::translate::Encoding;

/// A legacy database that cannot be imported with a mapping, or that fails while it is read.
#[derive(Debug, Error)]
pub enum LegacyError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenSourceError),
    /// It has not the tables or columns of the mapping.
    #[error("the mapping {mapping} does not fit the database")]
    Schema {
        /// The mapping.
        mapping: String,
        /// What is missing.
        source: SchemaError,
    },
    /// It stores text as UTF-16, which is handed over as UTF-8.
    #[error(
        "the database stores text as UTF-16, whatever the application wrote: set encoding = \"utf-8\" in the mapping {mapping}"
    )]
    Utf16 {
        /// The mapping.
        mapping: String,
    },
    /// It cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It did not stay what it was.
    #[error(
        "the database was written to while it was read, so what was brought may not belong together: import it again with --apply-changes while its application is stopped, or import a copy"
    )]
    Changed,
    /// A document in it cannot be read.
    #[error(
        "a document in table {table} (row {row}) cannot be read from the database: check the disk, or import another copy"
    )]
    Document {
        /// The table.
        table: String,
        /// The row.
        row: i64,
        /// Why.
        source: io::Error,
    },
}

/// A legacy database, open, with the tables of a mapping.
pub struct Legacy<'m> {
    mapping: &'m Mapping,
    reader: PlainReader,
    tables: Vec<Table>,
    documents: Documents,
}

impl<'m> Legacy<'m> {
    /// Opens a database and verifies that the mapping fits it.
    pub fn open(path: &Path, mapping: &'m Mapping) -> Result<Self, LegacyError> {
        let reader = PlainReader::open(path)?;
        if reader.text_encoding() != TextEncoding::Utf8 && !is_all_utf8(mapping) {
            return Err(LegacyError::Utf16 { mapping: mapping.name.clone() });
        }
        let mut tables = Vec::with_capacity(mapping.tables.len());
        for table in &mapping.tables {
            let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
            let blobs: Vec<&str> = table.document.iter().filter_map(|d| d.blob.as_deref()).collect();
            let verified = reader.table(&table.name, &table.key, &columns, &blobs);
            tables.push(verified.map_err(|source| LegacyError::Schema { mapping: mapping.name.clone(), source })?);
        }
        let documents = Documents::beside(path);
        Ok(Self { mapping, reader, tables, documents })
    }

    /// The mapping.
    pub const fn mapping(&self) -> &'m Mapping {
        self.mapping
    }

    /// How many rows each table has, in the mapping's order.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, LegacyError> {
        let count = |table: &Table| Ok((table.name().to_owned(), self.reader.count(table)?));
        self.tables.iter().map(count).collect()
    }

    /// Refuses what was read of it, unless it is of one moment.
    pub(crate) fn check_unchanged(&self) -> Result<(), LegacyError> {
        if self.reader.is_unchanged() { Ok(()) } else { Err(LegacyError::Changed) }
    }

    /// Its data subjects, in the order of their keys.
    pub(crate) fn subjects(&self) -> Result<Subjects<'_>, LegacyError> {
        Subjects::new(self)
    }
}

impl DocumentBodies for Legacy<'_> {
    fn open(&self, document: &DocumentCandidate) -> io::Result<Box<dyn Read + '_>> {
        match &document.origin {
            DocumentOrigin::File { path } => Ok(Box::new(Verified::new(std::fs::File::open(path)?, &document.sha256))),
            DocumentOrigin::Blob { table, column, row } => {
                let table = self.tables.get(*table).ok_or(io::ErrorKind::NotFound)?;
                match self.reader.blob(table, column, *row) {
                    Ok(blob) => Ok(Box::new(Verified::new(blob, &document.sha256))),
                    Err(BlobError::NotBytes { .. }) => Err(io::ErrorKind::InvalidData.into()),
                    Err(BlobError::Read(error)) => Err(io::Error::other(error)),
                }
            }
        }
    }
}

fn is_all_utf8(mapping: &Mapping) -> bool {
    let by_rules = mapping.tables.iter().flat_map(|table| &table.rules).all(|rule| match &rule.source {
        Source::Constant(_) => true,
        Source::Column { translation, .. } => translation.encoding == Encoding::Utf8,
    });
    mapping.encoding == Encoding::Utf8 && by_rules
}
