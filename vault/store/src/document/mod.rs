//! Document files: streamed into staging, committed by name, streamed out chunk by chunk.
//!
//! Order of a new document: its encrypted file is durable in `documents/staging/`, under a name of its
//! own, so that uploads of the same version do not meet; the writer, which lets one of them through,
//! gives that file the name of its row; the row is committed; the file is renamed to its place. Readers
//! look in staging meanwhile, so a row is never seen before its content. After a crash between the last
//! two, the file is found in staging by its row and renamed at start; a staged file without a row is
//! removed.

mod folder;
mod reader;
mod writer;

pub(crate) use folder::{DocumentFolder, Kept};
pub use reader::DocumentReader;
pub(crate) use reader::Located;
pub(crate) use writer::Plan;
pub use writer::{DocumentWriter, StagedDocument};
