//! Writing a document into staging: encrypted chunk by chunk, hashed on both sides, synced.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::thread;

use coffre_core::crypto::{Entropy, Scope, SecretKey, hex};
use coffre_core::document::{CHUNK, ChunkCipher, SEALED_CHUNK, header};
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::keyset::{Keyset, SubjectKeys};
use coffre_core::record::RecordTypeName;
use coffre_core::spool::{ContentHash, DocumentName, InventoryEntry};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DocumentFolder, Kept};
use crate::clock::SystemEntropy;
use crate::durable::create_private;
use crate::epoch::Epoch;
use crate::error::StageError;
use crate::subject_keys;

/// A part of a document that is at least so long is hashed on another processor while it is encrypted here.
const LONG: usize = 4 * CHUNK;

/// What is known of a document besides its content; encrypted under the subject's note key.
#[derive(Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) file_name: String,
    pub(crate) media_type: String,
    pub(crate) length: u64,
    pub(crate) sha256: String,
}

/// What a document to be written is, and under which key.
pub(crate) struct Plan {
    pub(crate) folder: DocumentFolder,
    pub(crate) scope: Scope,
    pub(crate) kind: RecordTypeName,
    pub(crate) subject: SubjectId,
    pub(crate) key: SecretKey,
    pub(crate) keyset: Arc<Keyset>,
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) document: DocumentId,
    pub(crate) version: u32,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
}

impl Plan {
    fn keys(&self) -> SubjectKeys<'_> {
        subject_keys(&self.scope, &self.keyset, &self.kind, self.subject, &self.key)
    }

    fn name(&self) -> DocumentName {
        DocumentName { document: self.document, version: self.version, epoch: self.epoch.number() }
    }

    /// A name that no other upload has, not even one of the same version: no row says it.
    fn upload_name(&self) -> String {
        let mut own = [0; 8];
        SystemEntropy.fill(&mut own);
        format!("{}.{}", self.name(), hex(&own))
    }
}

/// A staged file that is removed when it is dropped, unless it was kept.
struct Staged {
    folder: DocumentFolder,
    name: String,
    kept: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept && self.folder.discard(&self.name).is_err() {
            // The sweep at the next start removes it: it has no row.
            tracing::warn!("a staged document could not be removed");
        }
    }
}

/// Writes a document into staging, encrypted. Dropped without `finish`, it leaves nothing.
pub struct DocumentWriter {
    plan: Plan,
    staged: Staged,
    file: BufWriter<File>,
    cipher: ChunkCipher,
    chunk: Vec<u8>,
    plain: Sha256,
    sealed: Sha256,
    length: u64,
    sealed_length: u64,
    /// After a failed write the file has a hole: it cannot be gone on with, not even when space returns.
    failed: bool,
}

impl DocumentWriter {
    pub(crate) fn start(plan: Plan) -> Result<Self, StageError> {
        let mut salt = [0; 32];
        SystemEntropy.fill(&mut salt);
        let key = plan.keys().document_key(plan.document, plan.version, plan.epoch.number(), &salt);
        let key = key.map_err(|error| StageError::Write(io::Error::other(error)))?;
        let name = plan.upload_name();
        let file = create_private(&plan.folder.staging().join(&name)).map_err(StageError::Write)?;
        let staged = Staged { folder: plan.folder.clone(), name, kept: false };
        let mut writer = Self {
            plan,
            staged,
            file: BufWriter::with_capacity(SEALED_CHUNK, file),
            cipher: ChunkCipher::new(&key),
            chunk: Vec::with_capacity(SEALED_CHUNK),
            plain: Sha256::new(),
            sealed: Sha256::new(),
            length: 0,
            sealed_length: 0,
            failed: false,
        };
        writer.put(&header(&salt)).map_err(StageError::Write)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sealed.update(bytes);
        self.sealed_length += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        self.failed |= written.is_err();
        written
    }

    fn seal_chunk(&mut self, last: bool) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier part of the document could not be written"));
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        self.cipher.seal(&mut chunk, last).map_err(io::Error::other)?;
        let written = self.put(&chunk);
        chunk.clear();
        self.chunk = chunk;
        written
    }

    /// Takes as much as is left of a chunk. A full one is sealed only when more follows: the last one is sealed by `finish`.
    fn seal_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed || (self.chunk.len() == CHUNK && !bytes.is_empty()) {
            self.seal_chunk(false)?;
        }
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
        self.length += taken.len() as u64;
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn seal_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = bytes.split_at(self.seal_some(bytes)?).1;
        }
        Ok(())
    }

    /// Bytes written so far.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Ends the document and makes it durable in staging.
    pub fn finish(mut self) -> Result<StagedDocument, StageError> {
        self.seal_chunk(true).map_err(StageError::Write)?;
        let note = Note {
            file_name: self.plan.file_name.clone(),
            media_type: self.plan.media_type.clone(),
            length: self.length,
            sha256: hex(&self.plain.finalize()),
        };
        let sealed_note = seal_note(&self.plan, &note).map_err(StageError::Write)?;
        let file = self.file.into_inner().map_err(|error| StageError::Write(error.into_error()))?;
        file.sync_all().map_err(StageError::Write)?; // the content is durable, its name in staging not yet
        Ok(StagedDocument {
            staged: self.staged,
            document: self.plan.document,
            version: self.plan.version,
            subject: self.plan.subject,
            epoch: self.plan.epoch,
            sealed_length: self.sealed_length,
            sealed_sha256: self.sealed.finalize().into(),
            sha256: note.sha256,
            note: sealed_note,
        })
    }
}

fn seal_note(plan: &Plan, note: &Note) -> io::Result<Vec<u8>> {
    let text = zeroize::Zeroizing::new(serde_json::to_vec(note)?);
    let keys = plan.keys();
    let about = [plan.document.as_bytes().as_slice(), &plan.version.to_be_bytes()].concat();
    keys.seal_note("document", &about, plan.epoch.number(), &text, &mut SystemEntropy).map_err(io::Error::other)
}

impl Write for DocumentWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.seal_some(bytes)?;
        self.plain.update(bytes.split_at(taken).0);
        Ok(taken)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < LONG {
            let sealed = self.seal_all(bytes);
            self.plain.update(bytes);
            return sealed;
        }
        let mut plain = std::mem::take(&mut self.plain);
        thread::scope(|scope| {
            let hashing = thread::Builder::new().spawn_scoped(scope, move || {
                plain.update(bytes);
                plain
            })?;
            let sealed = self.seal_all(bytes);
            self.plain = hashing.join().map_err(|_| io::Error::other("hashing ended by itself"))?;
            sealed
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A document that is durable in staging. Dropped without a committed transaction, it is removed.
pub struct StagedDocument {
    staged: Staged,
    pub(crate) document: DocumentId,
    pub(crate) version: u32,
    pub(crate) subject: SubjectId,
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) sealed_length: u64,
    pub(crate) sealed_sha256: [u8; 32],
    pub(crate) note: Vec<u8>,
    sha256: String,
}

impl StagedDocument {
    /// Its line in an inventory.
    pub(crate) fn listed(&self) -> InventoryEntry {
        InventoryEntry {
            name: self.name(),
            size: self.sealed_length,
            sha256: ContentHash::from_bytes(self.sealed_sha256),
        }
    }

    /// Its file, once it is committed.
    pub(crate) fn name(&self) -> DocumentName {
        DocumentName { document: self.document, version: self.version, epoch: self.epoch.number() }
    }

    /// Its identifier.
    pub const fn id(&self) -> DocumentId {
        self.document
    }

    /// Its version.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Whose document it is.
    pub const fn subject(&self) -> SubjectId {
        self.subject
    }

    /// SHA-256 of its content, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// From here on a commit decides, and the file stays. Its epoch is in use for as long as that is not known.
    pub(crate) fn keep(mut self) -> Kept {
        self.staged.kept = true;
        let name = self.name().to_string();
        Kept { upload: std::mem::take(&mut self.staged.name), name, _epoch: self.epoch }
    }
}
