//! The whole log, on the vault's host: verifying it where it stands, and writing a static copy that
//! others can verify without the vault. Goes through the log page by page; memory does not grow with it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::note::{NoteError, SignedNote};
use coffre_core::tlog::{
    Export, ExportError, ExportedFile, HeadError, LogFault, StoredEntry, TreeHead, verify_entries,
};
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
    /// The index of the first entry that was not pruned.
    pub(crate) minimum_index: u64,
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
    #[error("{} cannot be written ({source}): check its permissions, the disk's free space, and where the server's unit may write", path.display())]
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
    /// What was to be copied has gone meanwhile.
    #[error("entries of the log were pruned while it was copied: empty the folder, then copy it again")]
    Pruned,
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
            loop {
                let minimum_index = store.snapshot()?.minimum_index()?;
                let fault = verify_entries(stored(&store, 0..head.size), heads).err();
                // Entries that were pruned while they were gone through are not missing.
                if fault.is_none() || store.snapshot()?.minimum_index()? == minimum_index {
                    return Ok(Verified { head, minimum_index, fault });
                }
            }
        })
        .await
    }

    /// Writes a static copy (C2SP tlog-tiles) into a new or empty folder.
    pub(crate) async fn copy_log(self: &Arc<Self>, call: LocalCall, to: PathBuf) -> Result<Copied, Failure> {
        let noted = self.store.transact(NoteOnly, self.draft_here(call, Action::ExportAudit), None, Depends::default());
        noted.await.map_err(uncommitted)?;
        let store = self.store.clone();
        blocking(move || copy(&store, &to).map_err(Failure::NotCopied)).await
    }
}

/// Entries as they are stored.
fn stored(store: &Store, range: Range<u64>) -> impl Iterator<Item = Result<StoredEntry<Vec<u8>>, ReadError>> {
    let page = move |from: u64| {
        let entries = store.snapshot()?.hashed_entries(from, PAGE)?;
        let last = entries.last().map(|entry| entry.index);
        Ok((entries, last))
    };
    let (mut next, end) = (Some(range.start), range.end);
    let pages = std::iter::from_fn(move || {
        let from = next.take().filter(|from| *from < end)?;
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
        .take_while(move |entry| entry.as_ref().map_or(true, |entry| entry.index < end))
}

fn copy(store: &Store, to: &Path) -> Result<Copied, CopyError> {
    if !to.is_absolute() {
        return Err(CopyError::Relative);
    }
    fs::create_dir_all(to).map_err(unwritten(to))?;
    if fs::read_dir(to).map_err(unwritten(to))?.next().is_some() {
        return Err(CopyError::NotEmpty { path: to.to_owned() });
    }
    // Ahead of the head: the entry that says what was pruned must be under it.
    let minimum_index = store.snapshot().and_then(|snapshot| snapshot.minimum_index()).map_err(unread)?;
    copy_from(minimum_index, store, to).map_err(|error| unless_pruned(error, minimum_index, store))
}

/// Entries that were pruned since are not damaged.
fn unless_pruned(error: CopyError, minimum_index: u64, store: &Store) -> CopyError {
    let now = store.snapshot().and_then(|snapshot| snapshot.minimum_index());
    match error {
        CopyError::Log(ExportError::Source { .. }) if now.is_ok_and(|now| now > minimum_index) => CopyError::Pruned,
        error => error,
    }
}

fn copy_from(minimum_index: u64, store: &Store, to: &Path) -> Result<Copied, CopyError> {
    let note = SignedNote::parse(store.tree_head().note.as_bytes())
        .map_err(|error: NoteError| CopyError::Head(HeadError::Note(error)))?;
    let size = TreeHead::of_note(&note, store.verification_key(), Some(store.origin()))?.size;
    let leaf = |entry: StoredEntry<Vec<u8>>| entry.leaf.ok_or(ReadError::Format { what: "log" });
    let leaves = stored(store, minimum_index..size).map(|entry| entry.and_then(leaf));
    let mut export = Export::new(leaves, note, store.verification_key(), Some(store.origin()))?;
    let mut copied = Copied { head: export.head().clone(), files: 0, bytes: 0 };
    let mut take = |file: ExportedFile| {
        let path = to.join(&file.path);
        write_file(&path, &file.bytes).map_err(unwritten(&path))?;
        copied.files += 1;
        copied.bytes += file.bytes.len() as u64;
        Ok::<_, CopyError>(())
    };
    for entry in stored(store, 0..minimum_index) {
        export.pass(entry.map_err(unread)?.hash).into_iter().try_for_each(&mut take)?;
    }
    for file in export {
        take(file?)?;
    }
    Ok(copied)
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    move |source| CopyError::Write { path: path.to_owned(), source }
}

fn unread(source: ReadError) -> CopyError {
    CopyError::Log(ExportError::Source { index: 0, source })
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::audit::{Decision, Draft};
    use coffre_core::ids::RequestId;
    use coffre_policies::Policies;
    use coffre_store::clock::SystemEntropy;
    use coffre_store::transactions::PruneLog;

    use super::*;
    use crate::usecases::new_vault;

    #[test]
    fn what_is_pruned_while_it_is_copied_does_not_pass_for_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = new_vault::store(folder.path(), &Policies::embedded().unwrap());
        let draft = |action| Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy));
        let note = |_| store.transact(NoteOnly, draft(Action::CaptureBase), None, Depends::default());
        let noted: Vec<_> = (0..256).map(note).collect();
        for noted in noted {
            noted.wait().unwrap();
        }
        let prune = PruneLog { minimum_index: 256 };
        store.transact(prune, draft(Action::PruneLog), None, Depends::default()).wait().unwrap();
        // Begun before that.
        let failed = copy_from(0, &store, &folder.path().join("copy")).err().unwrap();
        assert!(matches!(failed, CopyError::Log(ExportError::Source { index: 0, .. })), "{failed}");
        assert!(matches!(unless_pruned(failed, 0, &store), CopyError::Pruned));
        let damaged = unread(ReadError::Format { what: "log" });
        assert!(matches!(unless_pruned(damaged, 256, &store), CopyError::Log(_)), "nothing was pruned since");
    }
}
