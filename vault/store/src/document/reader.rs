//! Reading a document: decrypted chunk by chunk, nothing given out that is not authenticated.

use std::fs::File;
use std::io::{self, Read};

use coffre_core::document::{ChunkCipher, DocumentError, HEADER, SEALED_CHUNK, salt, sealed_length};
use coffre_core::ids::DocumentId;
use coffre_core::keyset::SubjectKeys;
use coffre_core::spool::DocumentName;
use coffre_core::time::Timestamp;

use super::DocumentFolder;
use super::writer::Note;
use crate::error::ReadError;
use crate::model::DocumentInfo;

/// A document's row.
pub(crate) struct Located {
    pub(crate) document: DocumentId,
    pub(crate) version: u32,
    pub(crate) epoch: u32,
    pub(crate) stored_at: Timestamp,
    pub(crate) sealed_length: u64,
    pub(crate) note: Vec<u8>,
}

impl Located {
    /// Its file.
    pub(crate) const fn name(&self) -> DocumentName {
        DocumentName { document: self.document, version: self.version, epoch: self.epoch }
    }

    /// What the document is, decrypted.
    pub(crate) fn info(&self, keys: &SubjectKeys<'_>) -> Result<DocumentInfo, ReadError> {
        let about = [self.document.as_bytes().as_slice(), &self.version.to_be_bytes()].concat();
        let bytes = keys.open_note("document", &about, self.epoch, &self.note);
        let bytes = bytes.map_err(|source| ReadError::Value { subject: keys.subject, source })?;
        let note: Note = serde_json::from_slice(&bytes).map_err(|_| ReadError::Format { what: "document note" })?;
        Ok(DocumentInfo {
            id: self.document,
            version: self.version,
            file_name: note.file_name,
            media_type: note.media_type,
            length: note.length,
            sha256: note.sha256,
            stored_at: self.stored_at,
        })
    }

    /// Opens its content.
    pub(crate) fn open(&self, folder: &DocumentFolder, keys: &SubjectKeys<'_>) -> Result<DocumentReader, ReadError> {
        let info = self.info(keys)?;
        let unreadable = |source| ReadError::DocumentFile { document: self.document, source };
        let damaged = |source| ReadError::Document { document: self.document, source };
        let mut file = folder.open_file(self.name()).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        if length != self.sealed_length || length != sealed_length(info.length) {
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, "its length is not what was stored")));
        }
        let mut head = [0; HEADER];
        file.read_exact(&mut head).map_err(unreadable)?;
        let salt = salt(&head).map_err(damaged)?;
        let key = keys.document_key(self.document, self.version, self.epoch, &salt);
        let key = key.map_err(|source| ReadError::Value { subject: keys.subject, source })?;
        let remaining = length - HEADER as u64;
        Ok(DocumentReader {
            info,
            file,
            cipher: ChunkCipher::new(&key),
            remaining,
            chunk: Vec::new(),
            given: 0,
            failed: false,
        })
    }
}

/// A document's content, decrypted while it is read. A damaged chunk is an error of kind
/// `InvalidData`, before any byte of it is given out.
pub struct DocumentReader {
    info: DocumentInfo,
    file: File,
    cipher: ChunkCipher,
    /// Sealed bytes not yet read.
    remaining: u64,
    chunk: Vec<u8>,
    given: usize,
    /// Once a chunk failed, nothing follows: what comes after it opens, but would close up the gap.
    failed: bool,
}

impl std::fmt::Debug for DocumentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocumentReader({:?})", self.info)
    }
}

impl DocumentReader {
    /// What it is.
    pub const fn info(&self) -> &DocumentInfo {
        &self.info
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the document's stream failed before"));
        }
        let read = self.read_chunk();
        if read.is_err() {
            self.failed = true;
            self.chunk.clear(); // unauthenticated bytes are never given out
        }
        read
    }

    fn read_chunk(&mut self) -> io::Result<()> {
        let length = self.remaining.min(SEALED_CHUNK as u64);
        self.remaining -= length;
        self.chunk.clear();
        self.given = 0;
        let read = self.file.by_ref().take(length).read_to_end(&mut self.chunk)?;
        if (read as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let invalid = |error: DocumentError| io::Error::new(io::ErrorKind::InvalidData, error);
        self.cipher.open(&mut self.chunk, self.remaining == 0).map_err(invalid)
    }
}

impl Read for DocumentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() && (self.remaining > 0 || self.failed) {
            self.next_chunk()?;
        }
        let ready = self.chunk.get(self.given..).unwrap_or_default();
        let length = ready.len().min(buffer.len());
        let (to, from) = (buffer.split_at_mut(length).0, ready.split_at(length).0);
        to.copy_from_slice(from);
        self.given += length;
        Ok(length)
    }
}
