//! Encrypting a document anew: streamed into staging under the epoch in use, to be put in the place of what it was once its content
//! is known to be the same. It never leaves the store in clear.

use std::io::{self, Read, Write};

use coffre_core::spool::DocumentName;

use super::error::PassError;
use super::old::Old;
use crate::document::{DocumentReader, DocumentWriter, StagedDocument};
use crate::error::{ReadError, StageError};
use crate::store::Store;

/// Bytes between two looks at whether to stop.
const PART: usize = 1 << 16;

/// What became of a document on its way.
pub(super) enum Found {
    /// The same content under the epoch in use, ready to be committed.
    Renewed(StagedDocument),
    /// It is not there any more, or is of the epoch in use by now.
    Moved,
    /// It does not open.
    Damaged,
}

/// Encrypts a document anew, beside what it is.
pub(super) fn renew(
    store: &Store,
    of: &Old,
    former: DocumentName,
    stop: &dyn Fn() -> bool,
) -> Result<Found, PassError> {
    match stage(store, of, former, stop) {
        Err(PassError::Read(error)) if is_of_the_document(&error) => {
            let DocumentName { document, version, .. } = former;
            tracing::error!(%error, %document, version, "a document could not be encrypted anew");
            Ok(Found::Damaged)
        }
        staged => Ok(staged?.map_or(Found::Moved, Found::Renewed)),
    }
}

/// Whether an error is about what is stored of this document, and will be the same at every try.
const fn is_of_the_document(error: &ReadError) -> bool {
    matches!(
        error,
        ReadError::Value { .. }
            | ReadError::KeyMissing { .. }
            | ReadError::Format { .. }
            | ReadError::Document { .. }
            | ReadError::DocumentFile { .. }
    )
}

fn stage(
    store: &Store,
    of: &Old,
    former: DocumentName,
    stop: &dyn Fn() -> bool,
) -> Result<Option<StagedDocument>, PassError> {
    let Old { kind, subject, .. } = of;
    let (key, reader) = {
        let snapshot = store.snapshot()?;
        let key = snapshot.subject_key(kind, *subject)?;
        (key, snapshot.former_document(kind, *subject, former.document, former.version)?)
    };
    let (Some(key), Some(mut reader)) = (key, reader) else { return Ok(None) };
    store.admits_documents()?;
    let info = reader.info().clone();
    let (name, media_type) = (&info.file_name, &info.media_type);
    let plan = store.plan(kind, *subject, key, former.document, former.version, name, media_type);
    if plan.epoch.number() <= former.epoch {
        return Ok(None);
    }
    let mut writer = DocumentWriter::start(plan)?;
    copy(&mut reader, &mut writer, former, stop)?;
    let staged = writer.finish()?;
    if staged.sha256() == info.sha256 {
        return Ok(Some(staged));
    }
    let source = io::Error::new(io::ErrorKind::InvalidData, "its content is not what was stored");
    Err(ReadError::DocumentFile { document: former.document, source }.into())
}

fn copy(
    reader: &mut DocumentReader,
    writer: &mut DocumentWriter,
    name: DocumentName,
    stop: &dyn Fn() -> bool,
) -> Result<(), PassError> {
    let mut part = zeroize::Zeroizing::new(vec![0; PART]);
    loop {
        if stop() {
            return Err(PassError::Stopped);
        }
        let unreadable = |source| ReadError::DocumentFile { document: name.document, source };
        let read = reader.read(&mut part).map_err(unreadable)?;
        if read == 0 {
            return Ok(());
        }
        writer.write_all(part.get(..read).unwrap_or_default()).map_err(StageError::Write)?;
    }
}
