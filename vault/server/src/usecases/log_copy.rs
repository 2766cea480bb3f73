//! The whole log, on the vault's host: verifying it where it stands, and writing a static copy that
//! others can verify without the vault. Goes through the log page by page; memory does not grow with it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::note::{NoteError, SignedNote};
use coffre_core::tlog::{Export, ExportError, HeadError, LogFault, StoredEntry, TreeHead, verify_entries};
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, ReadError, Store};
use thiserror::Error;

use super::call::LocalCall;
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};

/// Entries read in one view: a view is short, whatever the log's length.
const PAGE: usize = 1000;

/// A log in which nothing is wrong, or what is.
pub(crate) struct Verified {
    /// The head it was verified against.
    pub(crate) head: TreeHead,
    pub(crate) fault: Option<LogFault>,
}

/// A copy that was written.
pub(crate) struct Copied {
    pub(crate) head: TreeHead,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// A copy that was not written, or not to its end: without `checkpoint` it is no copy.
#[derive(Debug, Error)]
pub(crate) enum CopyError {
    /// Relative to whose directory?
    #[error("the folder of the copy must be named by its absolute path")]
    Relative,
    /// Something is there.
    #[error("{} is not empty: name a new or empty folder for the copy", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be written ({source}): check its permissions and the disk's free space", path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The vault's own head does not hold.
    #[error("the vault's tree head cannot be believed: run `coffre audit verify`")]
    Head(#[from] HeadError),
    /// The log does not lead to its head.
    #[error(transparent)]
    Log(#[from] ExportError<ReadError>),
}

impl Keeper {
    /// Verifies every entry against the newest signed head.
    pub(crate) async fn verify_log(self: &Arc<Self>) -> Result<Verified, Failure> {
        let store = self.store.clone();
        blocking(move || {
            let note = store.tree_head().note;
            let head = TreeHead::open(note.as_bytes(), store.verification_key(), Some(store.origin()))
                .map_err(|error| Failure::Internal { what: error.to_string() })?;
            let heads = std::slice::from_ref(&head);
            let fault = verify_entries(stored(&store, head.size), heads).err();
            Ok(Verified { head, fault })
        })
        .await
    }

    /// Writes a static copy (C2SP tlog-tiles) into a new or empty folder.
    pub(crate) async fn copy_log(self: &Arc<Self>, call: LocalCall, to: PathBuf) -> Result<Copied, Failure> {
        let noted = self.store.transact(NoteOnly, call.draft(Action::ExportAudit), None, Depends::default());
        noted.await.map_err(uncommitted)?;
        let store = self.store.clone();
        blocking(move || copy(&store, &to).map_err(Failure::NotCopied)).await
    }
}

/// The entries as they are stored, up to a size.
fn stored(store: &Store, size: u64) -> impl Iterator<Item = Result<StoredEntry<Vec<u8>>, ReadError>> {
    let page = move |from: u64| {
        let entries = store.snapshot()?.hashed_entries(from, PAGE)?;
        let last = entries.last().map(|(entry, _)| entry.index);
        Ok((entries, last))
    };
    let mut next = Some(0);
    let pages = std::iter::from_fn(move || {
        let from = next.take().filter(|from| *from < size)?;
        Some(page(from).map(|(entries, last)| {
            next = last.map(|last| last + 1);
            entries
        }))
    });
    pages
        .flat_map(|page| match page {
            Ok(entries) => entries.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
        .map(|entry| entry.map(|(logged, hash)| StoredEntry { index: logged.index, leaf: logged.leaf, hash }))
        .take_while(move |entry| entry.as_ref().map_or(true, |entry| entry.index < size))
}

fn copy(store: &Store, to: &Path) -> Result<Copied, CopyError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| CopyError::Write { path, source }
    };
    if !to.is_absolute() {
        return Err(CopyError::Relative);
    }
    fs::create_dir_all(to).map_err(write(to))?;
    if fs::read_dir(to).map_err(write(to))?.next().is_some() {
        return Err(CopyError::NotEmpty { path: to.to_owned() });
    }
    let note = SignedNote::parse(store.tree_head().note.as_bytes())
        .map_err(|error: NoteError| CopyError::Head(HeadError::Note(error)))?;
    let size = TreeHead::of_note(&note, store.verification_key(), Some(store.origin()))?.size;
    let leaves = stored(store, size).map(|entry| entry.map(|entry| entry.leaf));
    let export = Export::new(leaves, note, store.verification_key(), Some(store.origin()))?;
    let mut copied = Copied { head: export.head().clone(), files: 0, bytes: 0 };
    for file in export {
        let file = file?;
        let path = to.join(&file.path);
        write_file(&path, &file.bytes).map_err(write(&path))?;
        copied.files += 1;
        copied.bytes += file.bytes.len() as u64;
    }
    Ok(copied)
}

/// Durable before the next one, so that a copy with `checkpoint` is whole.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
