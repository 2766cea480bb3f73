//! Copies in a spool, before they have their names: of one stream, or of many documents side by side. An import stores thousands of documents
//! between two steps of capture; one after the other, each would wait for the disk alone.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::thread;

use coffre_core::spool::{ContentHash, ContentHasher, InventoryEntry, ObjectName};

use super::CaptureError;
use super::spool::{Spool, Temporary, create};
use crate::document::DocumentFolder;
use crate::error::Unavailable;

const BUFFER: usize = 1 << 20;
/// After so many bytes of an object they are made durable. What is left to do of it in the end, when nobody can break it off,
/// takes no longer than that, however large it is.
const SYNCED: u64 = 64 << 20;

/// How many documents are copied at a time; they wait for the disk, not for a processor.
const AT_A_TIME: usize = 16;
/// So few come one after the other.
const FEW: usize = 4;

/// A stream that was copied into a file without a name that counts.
pub(super) struct Copied {
    pub(super) temporary: Temporary,
    pub(super) length: u64,
    pub(super) sha256: ContentHash,
}

/// Copies a stream that should have this length; durable afterwards.
pub(super) fn copy(temporary: Temporary, mut source: impl Read, size: u64) -> Result<Copied, CaptureError> {
    let mut file = create(temporary.path()).map_err(CaptureError::Spool)?;
    let mut hasher = ContentHasher::default();
    // Most documents are small, and a buffer is wiped before it is filled.
    let room = usize::try_from(size).unwrap_or(BUFFER).clamp(1, BUFFER);
    let (mut buffer, mut unsynced) = (vec![0; room], 0);
    loop {
        let length = source.read(&mut buffer).map_err(CaptureError::Read)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        file.write_all(read).map_err(CaptureError::Spool)?;
        unsynced += length as u64;
        if unsynced >= SYNCED {
            file.sync_data().map_err(CaptureError::Spool)?;
            unsynced = 0;
        }
    }
    file.sync_all().map_err(CaptureError::Spool)?; // the content is durable, under no name that counts
    let length = hasher.length();
    Ok(Copied { temporary, length, sha256: hasher.finish() })
}

/// Copies what a spool lacks of these documents. All are durable in it afterwards; says how many it lacked, and their bytes.
pub(super) fn copy_missing<'e>(
    spool: &Spool,
    folder: &DocumentFolder,
    documents: impl IntoIterator<Item = &'e InventoryEntry>,
    is_abandoned: impl Fn() -> bool,
) -> Result<(u64, u64), CaptureError> {
    let mut missing = Vec::new();
    for entry in documents {
        let found = spool.found(&ObjectName::Document(entry.name)).map_err(CaptureError::Spool)?;
        if found != Some(entry.size) {
            missing.push(*entry);
        }
    }
    copy_documents(spool, folder, &missing, is_abandoned)?;
    spool.sync_folders().map_err(CaptureError::Spool)?;
    Ok((missing.len() as u64, missing.iter().map(|entry| entry.size).sum()))
}

/// Copies documents into a spool, each under its name if it is what was stored; the names are durable after `sync_folders`.
fn copy_documents(
    spool: &Spool,
    folder: &DocumentFolder,
    entries: &[InventoryEntry],
    is_abandoned: impl Fn() -> bool,
) -> Result<(), CaptureError> {
    let goes_on = || if is_abandoned() { Err(CaptureError::from(Unavailable::Stopping)) } else { Ok(()) };
    if entries.len() < FEW {
        return entries.iter().try_for_each(|entry| {
            goes_on()?;
            let (name, file) = (ObjectName::Document(entry.name), open(folder, entry)?);
            right(entry, spool.copy_checked(&name, file, entry.size, entry.sha256)?)
        });
    }
    for part in entries.chunks(AT_A_TIME) {
        goes_on()?;
        let copied = thread::scope(|scope| {
            let begin = |(number, entry): (usize, &'_ InventoryEntry)| {
                let (temporary, entry) = (spool.temporary_of_many(number), *entry);
                let work = move || copy(temporary, open(folder, &entry)?, entry.size);
                thread::Builder::new().spawn_scoped(scope, work).map_err(CaptureError::Spool)
            };
            let threads: Vec<_> = part.iter().enumerate().map(begin).collect();
            let ended = |thread: Result<thread::ScopedJoinHandle<'_, Result<Copied, CaptureError>>, CaptureError>| {
                let broken =
                    |_| Err(CaptureError::Spool(io::Error::other("a thread that copies documents ended early")));
                thread?.join().unwrap_or_else(broken)
            };
            threads.into_iter().map(ended).collect::<Vec<_>>()
        });
        // What is right stays, whatever became of others: the next try has those alone to copy.
        let mut kept = Ok(());
        for (entry, copied) in part.iter().zip(copied) {
            let name = ObjectName::Document(entry.name);
            let own = copied.and_then(|copied| spool.keep_checked(&name, &copied, entry.size, entry.sha256));
            kept = kept.and(own.and_then(|is_right| right(entry, is_right)));
        }
        kept?;
    }
    Ok(())
}

/// One that was erased meanwhile is not there: the next mark says so.
fn open(folder: &DocumentFolder, entry: &InventoryEntry) -> Result<File, CaptureError> {
    folder.open_file(entry.name).map_err(|error| CaptureError::of_file(entry.name.document, error))
}

fn right(entry: &InventoryEntry, is_right: bool) -> Result<(), CaptureError> {
    if is_right { Ok(()) } else { Err(CaptureError::Document { document: entry.name.document }) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use coffre_core::crypto::Scope;
    use coffre_core::ids::{DocumentId, VaultId};
    use coffre_core::spool::DocumentName;

    use super::*;

    /// So many documents of different lengths in a folder, and their entries.
    fn stored(folder: &DocumentFolder, count: u8) -> Vec<InventoryEntry> {
        let store = |number: u8| {
            let name = DocumentName { document: DocumentId::from_bytes([number; 16]), version: 1, epoch: 1 };
            let bytes = vec![number; 100 * usize::from(number)];
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &bytes).unwrap();
            InventoryEntry { name, size: bytes.len() as u64, sha256: ContentHash::of(&bytes) }
        };
        (0..count).map(store).collect()
    }

    fn spooled(count: u8, damage: impl FnOnce(&DocumentFolder)) -> (Vec<bool>, bool, usize) {
        let dir = tempfile::tempdir().unwrap();
        let folder = DocumentFolder::open(&dir.path().join("documents")).unwrap();
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) };
        let spool = Spool::open(&dir.path().join("spool"), &scope).unwrap();
        let entries = stored(&folder, count);
        damage(&folder);
        let copied = copy_documents(&spool, &folder, &entries, || false);
        spool.sync_folders().unwrap();
        let is_there = |entry: &InventoryEntry| {
            spool.read(&ObjectName::Document(entry.name)).unwrap().map(|bytes| ContentHash::of(&bytes))
        };
        let there = entries.iter().map(|entry| is_there(entry) == Some(entry.sha256)).collect();
        (there, copied.is_ok(), fs::read_dir(dir.path().join("spool/temporary")).unwrap().count())
    }

    #[test]
    fn documents_come_into_the_spool_however_many() {
        for count in [0, 1, 3, 4, 16, 17, 50] {
            let (there, is_done, left) = spooled(count, |_| {});
            assert_eq!((there, is_done, left), (vec![true; count.into()], true, 0), "{count}");
        }
    }

    #[test]
    fn what_is_not_what_was_stored_comes_under_no_name() {
        let path = |folder: &DocumentFolder, number: u8| {
            let document = DocumentId::from_bytes([number; 16]);
            folder.path(DocumentName { document, version: 1, epoch: 1 })
        };
        for count in [3, 20] {
            let (there, is_done, left) = spooled(count, |folder| fs::write(path(folder, 2), [9; 200]).unwrap());
            // Side by side, those behind a bad one stay, too.
            let beside = |number: u8| usize::from(count) >= FEW && usize::from(number) < AT_A_TIME;
            let is_there = |number: u8, bad: u8| number < bad || number != bad && beside(number);
            let expected = |bad: u8| (0..count).map(|number| is_there(number, bad)).collect::<Vec<_>>();
            assert_eq!((there, is_done, left), (expected(2), false, 0), "{count}: another");
            let (there, is_done, left) = spooled(count, |folder| fs::remove_file(path(folder, 1)).unwrap());
            assert_eq!((there, is_done, left), (expected(1), false, 0), "{count}: none");
        }
    }
}
