//! Writing the list of a base's documents. Millions of them make it long, so it stands in memory a line at a time.

use std::io::{self, Cursor, Read};

use coffre_core::spool::{Blob, ContentHasher, InventoryEntry, ObjectName, inventory_lines};

use super::CaptureError;
use super::documents::Listed;
use super::spool::Spool;

/// Puts the list of some documents, in the order of their names, into a spool; durable afterwards.
pub(super) fn put(spool: &Spool, entries: &[InventoryEntry]) -> Result<Blob, CaptureError> {
    let mut hasher = ContentHasher::default();
    inventory_lines(entries).for_each(|line| hasher.update(line.as_bytes()));
    let (size, sha256) = (hasher.length(), hasher.finish());
    let name = ObjectName::Inventory(sha256);
    let there = spool.open_object(&name).map_err(CaptureError::Spool)?;
    let there = there.map(|file| Listed::checked(file, sha256)).transpose().map_err(CaptureError::Spool)?;
    // That of the base before, where no document came or went.
    if there.flatten().is_some() && spool.found(&name).map_err(CaptureError::Spool)?.is_some() {
        spool.sync_folders().map_err(CaptureError::Spool)?;
    } else {
        spool.copy_in(&name, Lines::of(inventory_lines(entries)), size)?;
    }
    Ok(Blob { sha256, size })
}

/// Lines as one stream.
struct Lines<I> {
    lines: I,
    line: Cursor<String>,
}

impl<I: Iterator<Item = String>> Lines<I> {
    fn of(lines: I) -> Self {
        Self { lines, line: Cursor::default() }
    }
}

impl<I: Iterator<Item = String>> Read for Lines<I> {
    /// As much as there is room for.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.line.read(room)? {
                0 => match self.lines.next() {
                    Some(line) => self.line = Cursor::new(line),
                    None => break,
                },
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::crypto::Scope;
    use coffre_core::ids::{DocumentId, VaultId};
    use coffre_core::spool::{ContentHash, DocumentName, write_inventory};

    use super::*;

    fn entries(count: u8) -> Vec<InventoryEntry> {
        let entry = |number: u8| InventoryEntry {
            name: DocumentName { document: DocumentId::from_bytes([number; 16]), version: 1, epoch: 1 },
            size: u64::from(number) * 1_000,
            sha256: ContentHash::of(&[number]),
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn a_list_is_the_same_whether_it_is_written_at_once_or_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let scope = Scope { environment: "test".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) };
        let spool = Spool::open(dir.path(), &scope).unwrap();
        for count in [0, 1, 200] {
            let (text, entries) = (write_inventory(entries(count)), entries(count));
            let blob = Blob { sha256: ContentHash::of(text.as_bytes()), size: text.len() as u64 };
            let name = ObjectName::Inventory(blob.sha256);
            // From the second time on it is there, or damaged.
            for _ in 0..3 {
                assert_eq!(put(&spool, &entries).unwrap(), blob);
                assert_eq!(spool.read(&name).unwrap().as_deref(), Some(text.as_bytes()));
                if count == 1 {
                    std::fs::write(dir.path().join(name.path(&scope)), "damaged").unwrap();
                }
            }
        }
    }

    #[test]
    fn lines_fill_whatever_room_there_is() {
        for room in [1, 7, 64, 1_000] {
            let mut lines = Lines::of(["", "one\n", "", "another\n"].map(str::to_owned).into_iter());
            let (mut text, mut buffer) = (Vec::new(), vec![0; room]);
            loop {
                let read = lines.read(&mut buffer).unwrap();
                text.extend_from_slice(buffer.get(..read).unwrap());
                if read < room {
                    break;
                }
            }
            assert_eq!(text, b"one\nanother\n", "{room}");
        }
    }
}
