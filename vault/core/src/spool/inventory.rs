//! The inventory of a manifest: every document version it needs, one to a line, in ascending order.
//!
//! It is an object of its own, so that a manifest stays small and a million documents can be read
//! line by line. `docs/formats/manifest.md` has an example.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ContentHash, DocumentName};

/// The first line of every inventory, without its newline.
pub const HEADER: &str = "coffre/documents/v1";

/// An inventory that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InventoryError {
    /// The first line is another.
    #[error("the inventory does not begin with {HEADER:?}: it was made by a newer Coffre or is damaged")]
    Header,
    /// A line that is no entry.
    #[error("line {line} of the inventory is malformed: take the object from another copy")]
    Line {
        /// The line, 1 being the header.
        line: u64,
    },
    /// A line that does not come after the one before it.
    #[error("line {line} of the inventory is out of order or repeated: take the object from another copy")]
    Order {
        /// The line, 1 being the header.
        line: u64,
    },
}

/// A document version and the bytes it has. In JSON it is the text of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InventoryEntry {
    /// Which document and version.
    pub name: DocumentName,
    /// The length of the encrypted file.
    pub size: u64,
    /// The SHA-256 of the encrypted file.
    pub sha256: ContentHash,
}

impl fmt::Display for InventoryEntry {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.size, self.sha256)
    }
}

/// Why a text is no inventory entry. The reader knows the line and says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a document version, its bytes and its SHA-256, as in an inventory")]
pub struct NotAnEntry;

impl TryFrom<String> for InventoryEntry {
    type Error = NotAnEntry;

    fn try_from(text: String) -> Result<Self, NotAnEntry> {
        text.parse()
    }
}

impl From<InventoryEntry> for String {
    fn from(entry: InventoryEntry) -> Self {
        entry.to_string()
    }
}

impl FromStr for InventoryEntry {
    type Err = NotAnEntry;

    fn from_str(line: &str) -> Result<Self, NotAnEntry> {
        let mut parts = line.split(' ');
        let (Some(name), Some(size), Some(sha256), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAnEntry);
        };
        let entry = Self {
            name: name.parse().map_err(|_| NotAnEntry)?,
            size: size.parse().map_err(|_| NotAnEntry)?,
            sha256: sha256.parse().map_err(|_| NotAnEntry)?,
        };
        // One spelling only: no sign, no leading zero.
        if entry.to_string() == line { Ok(entry) } else { Err(NotAnEntry) }
    }
}

/// Reads the lines of an inventory one after the other and checks their order.
#[derive(Debug, Default)]
pub struct InventoryReader {
    line: u64,
    last: Option<DocumentName>,
}

impl InventoryReader {
    /// The entry in the next line, given without its newline; none in the header.
    pub fn next_line(&mut self, text: &str) -> Result<Option<InventoryEntry>, InventoryError> {
        self.line += 1;
        let line = self.line;
        if line == 1 {
            return if text == HEADER { Ok(None) } else { Err(InventoryError::Header) };
        }
        let entry: InventoryEntry = text.parse().map_err(|NotAnEntry| InventoryError::Line { line })?;
        if self.last.is_some_and(|last| last >= entry.name) {
            return Err(InventoryError::Order { line });
        }
        self.last = Some(entry.name);
        Ok(Some(entry))
    }

    /// Says that there is no further line. An inventory has at least its header.
    pub const fn finish(&self) -> Result<(), InventoryError> {
        if self.line == 0 { Err(InventoryError::Header) } else { Ok(()) }
    }
}

/// A whole inventory as text, of entries in any order.
pub fn write(mut entries: Vec<InventoryEntry>) -> String {
    entries.sort_unstable_by_key(|entry| entry.name);
    lines(&entries).collect()
}

/// The lines of a whole inventory, each with its newline, of entries in ascending order.
pub fn lines(entries: &[InventoryEntry]) -> impl Iterator<Item = String> {
    std::iter::once(format!("{HEADER}\n")).chain(entries.iter().map(|entry| format!("{entry}\n")))
}
