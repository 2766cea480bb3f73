//! Foreign databases: plaintext `SQLite` files of other applications, read (never written) when their
//! content is brought into a vault, and written when a fictitious one is made for a demonstration.
//!
//! Nothing here knows a vault, a key or what the columns mean. Text is handed over as the bytes that
//! stand in the file: `SQLite` does not check encodings, and a COBOL application stores Latin-1.

mod blob;
mod header;
mod inspect;
mod kind;
mod mysql;
mod reader;
mod rows;
mod schema;
mod value;
mod writer;

pub use blob::{BlobError, BlobReader};
pub use inspect::{InspectError, inspect};
pub use kind::{Damage, SourceKind, SqliteFile, TextEncoding};
pub use reader::{OpenSourceError, PlainReader, ReadError};
pub use rows::{KeyOrder, KeyedRows, SourceRow};
pub use schema::{SchemaError, Table};
pub use value::SourceValue;
pub use writer::{PlainWriter, WriteError};
