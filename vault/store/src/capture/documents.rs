//! Which documents are new or gone since the spool was written: its list, which stands there line by line, beside the vault's rows, both in the
//! order of their names. However many there are, only what differs is kept in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _};

use coffre_core::spool::{ContentHash, ContentHasher, DocumentName, InventoryEntry, InventoryReader};

use super::watch::Changes;

/// What the segments after a base say of documents: how they are then, or that they are gone.
pub(super) type Since = BTreeMap<DocumentName, Option<InventoryEntry>>;

/// The list of a base backup, whose bytes are those that its manifest names.
pub(super) struct Listed(BufReader<File>);

impl Listed {
    /// Reads it once through; `None` if it is another.
    pub(super) fn checked(file: File, sha256: ContentHash) -> io::Result<Option<Self>> {
        let (mut reader, mut hasher) = (BufReader::new(file), ContentHasher::default());
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            let length = bytes.len();
            reader.consume(length);
        }
        reader.rewind()?;
        Ok((hasher.finish() == sha256).then_some(Self(reader)))
    }

    /// Its entries, in order.
    pub(super) fn entries(self) -> impl Iterator<Item = io::Result<InventoryEntry>> {
        let mut reader = InventoryReader::default();
        self.0.lines().filter_map(move |line| {
            let entry = line.and_then(|line| reader.next_line(&line).map_err(io::Error::other));
            entry.transpose()
        })
    }
}

/// What became of the documents of a list, with what segments say after it, by the rows that there are.
pub(super) fn changes<E>(
    rows: impl IntoIterator<Item = Result<InventoryEntry, E>>,
    listed: impl IntoIterator<Item = Result<InventoryEntry, E>>,
    mut since: Since,
) -> Result<Changes, E> {
    let mut changes = Changes::default();
    let mut listed = listed.into_iter();
    let mut next = listed.next().transpose()?;
    for row in rows {
        let row = row?;
        while let Some(gone) = next.filter(|entry| entry.name < row.name) {
            remove(&mut changes, &mut since, gone.name);
            next = listed.next().transpose()?;
        }
        let mut known = None;
        if next.is_some_and(|entry| entry.name == row.name) {
            known = std::mem::replace(&mut next, listed.next().transpose()?);
        }
        if since.remove(&row.name).unwrap_or(known) != Some(row) {
            changes.add(row);
        }
    }
    while let Some(gone) = next {
        remove(&mut changes, &mut since, gone.name);
        next = listed.next().transpose()?;
    }
    since.into_iter().filter(|(_, entry)| entry.is_some()).for_each(|(name, _)| changes.remove(name));
    Ok(changes)
}

/// A document of the list that has no row; the segments may know that already.
fn remove(changes: &mut Changes, since: &mut Since, name: DocumentName) {
    if since.remove(&name) != Some(None) {
        changes.remove(name);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::convert::Infallible;

    use coffre_core::ids::DocumentId;

    use super::*;

    fn entry(number: u8, size: u64) -> InventoryEntry {
        let name = DocumentName { document: DocumentId::from_bytes([number; 16]), version: 1, epoch: 1 };
        InventoryEntry { name, size, sha256: ContentHash::of(&[number]) }
    }

    /// Each of six documents in every combination: in the list or not, in the segments as it is, as it was, gone or not named, there or not.
    #[test]
    fn what_differs_is_found_in_every_combination() {
        let cases: Vec<(bool, Option<Option<u64>>, bool)> = [false, true]
            .into_iter()
            .flat_map(|listed| [None, Some(None), Some(Some(1)), Some(Some(2))].map(|since| (listed, since)))
            .flat_map(|(listed, since)| [false, true].map(|there| (listed, since, there)))
            .collect();
        let numbered = || (0_u8..).zip(&cases);
        let ok = Ok::<InventoryEntry, Infallible>;
        let rows = numbered().filter(|(_, case)| case.2).map(|(number, _)| ok(entry(number, 1)));
        let listed = numbered().filter(|(_, case)| case.0).map(|(number, _)| ok(entry(number, 1)));
        let since = numbered().filter_map(|(number, case)| {
            case.1.map(|since| (entry(number, 1).name, since.map(|size| entry(number, size))))
        });
        let found = changes(rows, listed, since.collect()).unwrap();
        for (number, (listed, since, there)) in numbered() {
            let before = since.unwrap_or(listed.then_some(1));
            let (now, name) = (there.then_some(1), entry(number, 1).name);
            let told = (found.added.get(&name).copied(), found.removed.contains(&name));
            let right =
                (now.filter(|_| before != now).map(|size| entry(number, size)), before.is_some() && now.is_none());
            assert_eq!(told, right, "{listed} {since:?} {there}");
        }
    }

    #[test]
    fn a_list_is_taken_if_it_is_the_one_that_was_named() {
        let text = coffre_core::spool::write_inventory(vec![entry(2, 5), entry(1, 7)]);
        let file = || {
            let mut file = tempfile::tempfile().unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            file.rewind().unwrap();
            file
        };
        let listed = Listed::checked(file(), ContentHash::of(text.as_bytes())).unwrap().unwrap();
        assert_eq!(listed.entries().collect::<io::Result<Vec<_>>>().unwrap(), [entry(1, 7), entry(2, 5)]);
        assert!(Listed::checked(file(), ContentHash::of(b"another")).unwrap().is_none());
    }
}
