//! Document files: streamed in under staging, committed by name, streamed out chunk by chunk.

use std::io::{Read, Write};

use coffre_core::ids::{DocumentId, SubjectId};

use crate::error::StageError;
use crate::model::DocumentInfo;

/// Writes a document into staging, encrypted. Dropped without `finish`, it leaves nothing.
pub struct DocumentWriter {}

impl DocumentWriter {
    /// Ends the document and makes it durable in staging.
    pub fn finish(self) -> Result<StagedDocument, StageError> {
        todo!()
    }
}

impl Write for DocumentWriter {
    fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
        todo!()
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A document that is durable in staging. Dropped without a committed transaction, it is removed.
pub struct StagedDocument {}

impl StagedDocument {
    /// Its identifier.
    pub fn id(&self) -> DocumentId {
        todo!()
    }

    /// Whose document it is.
    pub fn subject(&self) -> SubjectId {
        todo!()
    }

    /// SHA-256 of its content, in hexadecimal.
    pub fn sha256(&self) -> &str {
        todo!()
    }
}

/// A document's content, decrypted while it is read. A damaged chunk is an error of kind
/// `InvalidData`, before any byte of it is given out.
pub struct DocumentReader {}

impl DocumentReader {
    /// What it is.
    pub fn info(&self) -> &DocumentInfo {
        todo!()
    }
}

impl Read for DocumentReader {
    fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
        todo!()
    }
}
