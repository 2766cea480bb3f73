//! A data subject of the legacy database, translated whole and ready to become a record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use coffre_core::record::{FieldPath, Fields};

/// Where the bytes of a document are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentOrigin {
    /// In the database.
    Blob {
        /// The mapping's table, by its position.
        table: usize,
        /// The column.
        column: String,
        /// The row.
        row: i64,
    },
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// A document to be brought. `Debug` leaves out its name.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentCandidate {
    /// Where its bytes are.
    pub origin: DocumentOrigin,
    /// Its name, which identifies it among the documents of its data subject.
    pub file_name: String,
    /// Its media type (RFC 6838).
    pub media_type: &'static str,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl fmt::Debug for DocumentCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentCandidate({} bytes of {})", self.length, self.media_type)
    }
}

/// A record to be brought. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordCandidate {
    /// The legacy key.
    pub key: String,
    /// Its row in the data subjects' table.
    pub row: i64,
    /// Its values, without the fields that name documents.
    pub fields: Fields,
    /// Its documents; no two have the same name.
    pub documents: Vec<DocumentCandidate>,
    /// The fields that name a document, and which one (its file name).
    pub document_fields: BTreeMap<FieldPath, String>,
    /// The consents that the source says were given, by their name in the mapping.
    pub consents: BTreeSet<String>,
}

impl fmt::Debug for RecordCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordCandidate(row {}, {:?}, {} documents)", self.row, self.fields, self.documents.len())
    }
}
