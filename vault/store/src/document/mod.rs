//! Document files: streamed into staging, committed by name, streamed out chunk by chunk.
//!
//! Order of a new document: its encrypted file is durable in `documents/staging/`; the row that
//! names it is committed; the file is renamed to its place. After a crash between the last two, the
//! file is found in staging by its row and renamed at start; a staged file without a row is removed.

mod folder;
mod reader;
mod writer;

pub(crate) use folder::DocumentFolder;
pub use reader::DocumentReader;
pub(crate) use reader::Located;
pub(crate) use writer::Plan;
pub use writer::{DocumentWriter, StagedDocument};
