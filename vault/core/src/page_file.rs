//! The file `pages`: what every page of the three databases that are kept is after the last checkpoint. The digests of pages stand in tables, one
//! for each database, in blocks of 256; this file says what the blocks are, and what has changed since.
//!
//! Records follow each other. The first one names every block, those after it what a checkpoint changes; each is authenticated with all
//! before it, by a key of the vault's. So a record cannot be left out, changed or put in the place of another, and the three databases cannot
//! be set back one without the others. A record that is cut short is one whose checkpoint has not begun: it says nothing, and neither does
//! what follows it.
//!
//! In the first version there were no tables: the first record is one of changes, and names every page.
//!
//! ```text
//! coffre/pages/v2\n  (length (32 bits)  payload  MAC (32 bytes))…
//! first payload: for keyring, vault and audit: pages (32)  blocks (32)  (place (8)  digest (16 bytes))…
//! payload: for keyring, vault and audit: pages (32)  changed (32)  (number from 0 (32)  digest (16 bytes))…
//! MAC: HMAC-SHA-256 of the MAC before ‖ payload; before the first stands the first line, filled with zeros
//! ```

use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::crypto::{Label, Scope, SecretKey, commitment, derive};

/// The first bytes of the file.
const FIRST_LINE: &[u8; 16] = b"coffre/pages/v2\n";
/// Those of the first version.
const FORMER_LINE: &[u8; 16] = b"coffre/pages/v1\n";

/// A page's digest.
pub type PageDigest = [u8; 16];

/// What a checkpoint makes of one database file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PagesOf {
    /// How many pages it has then.
    pub count: u32,
    /// The pages that are others then, by their numbers from zero.
    pub changed: Vec<(u32, PageDigest)>,
}

/// A block of a table: in which of its two places it stands, and the digest of its bytes.
pub type PageBlock = (u8, PageDigest);

/// What the table of one database file is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableOf {
    /// How many pages the database file has.
    pub count: u32,
    /// The blocks, from the first on.
    pub blocks: Vec<PageBlock>,
}

/// What the tables of keyring, vault and audit are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageTables(pub [TableOf; 3]);

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagesSaid {
    /// The tables; none in a file of the first version.
    pub tables: Option<PageTables>,
    /// What has changed since, in order.
    pub changes: Vec<PageRecord>,
}

/// What a checkpoint makes of keyring, vault and audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRecord(pub [PagesOf; 3]);

/// A file that is not this vault's, or not such a file.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("it begins with no record of this vault's")]
pub struct NotOurs;

/// Where a file ends, and what the next record is authenticated with.
pub struct PageFile {
    key: SecretKey,
    last: [u8; 32],
    length: u64,
}

impl PageFile {
    fn after_line(line: &[u8; 16], from: &SecretKey, scope: &Scope) -> Self {
        let mut last = [0; 32];
        last.split_at_mut(line.len()).0.copy_from_slice(line);
        let key = derive(from, None, &Label::new("coffre/v1/pages", scope));
        Self { key, last, length: line.len() as u64 }
    }

    /// The file of a vault whose tables are these, and its bytes.
    pub fn begin(tables: &PageTables, from: &SecretKey, scope: &Scope) -> (Self, Vec<u8>) {
        let mut payload = Vec::new();
        for table in &tables.0 {
            payload.extend_from_slice(&table.count.to_be_bytes());
            payload.extend_from_slice(&u32::try_from(table.blocks.len()).unwrap_or(u32::MAX).to_be_bytes());
            for (place, digest) in &table.blocks {
                payload.push(*place);
                payload.extend_from_slice(digest);
            }
        }
        let (file, record) = Self::after_line(FIRST_LINE, from, scope).record(payload);
        (file, [FIRST_LINE.as_slice(), &record].concat())
    }

    /// Reads a file as far as it is this vault's.
    pub fn read(bytes: &[u8], from: &SecretKey, scope: &Scope) -> Result<(Self, PagesSaid), NotOurs> {
        let (first_line, mut rest) = bytes.split_first_chunk::<16>().ok_or(NotOurs)?;
        let mut file = Self::after_line(first_line, from, scope);
        let mut said = PagesSaid { tables: None, changes: Vec::new() };
        if first_line == FIRST_LINE {
            let (tables, after) = file.next(rest, parse_tables).ok_or(NotOurs)?;
            (said.tables, rest) = (Some(tables), after);
        } else if first_line != FORMER_LINE {
            return Err(NotOurs);
        }
        while let Some((record, after)) = file.next(rest, parse) {
            said.changes.push(record);
            rest = after;
        }
        if said.tables.is_none() && said.changes.is_empty() { Err(NotOurs) } else { Ok((file, said)) }
    }

    /// The bytes of the next record, which stand at [`length`](Self::length). Without it, the file is as it was.
    pub fn write(&self, record: &PageRecord) -> (Self, Vec<u8>) {
        let mut payload = Vec::new();
        for pages in &record.0 {
            payload.extend_from_slice(&pages.count.to_be_bytes());
            payload.extend_from_slice(&u32::try_from(pages.changed.len()).unwrap_or(u32::MAX).to_be_bytes());
            for (number, digest) in &pages.changed {
                payload.extend_from_slice(&number.to_be_bytes());
                payload.extend_from_slice(digest);
            }
        }
        self.record(payload)
    }

    fn record(&self, mut payload: Vec<u8>) -> (Self, Vec<u8>) {
        let next = self.after(&payload);
        let mut bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        bytes.append(&mut payload);
        bytes.extend_from_slice(&next.last);
        (next, bytes)
    }

    /// How long the file is, with everything that counts in it.
    pub const fn length(&self) -> u64 {
        self.length
    }

    fn after(&self, payload: &[u8]) -> Self {
        let mut authenticated = self.last.to_vec();
        authenticated.extend_from_slice(payload);
        let last = commitment(self.key.expose(), &authenticated);
        let length = self.length + 4 + payload.len() as u64 + last.len() as u64;
        Self { key: SecretKey::from_bytes(self.key.expose()), last, length }
    }

    /// The record at the beginning of some bytes, and what follows it.
    fn next<'b, T>(&mut self, bytes: &'b [u8], parse: fn(&[u8]) -> Option<T>) -> Option<(T, &'b [u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (payload, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let (found, rest) = rest.split_first_chunk::<32>()?;
        let next = self.after(payload);
        if !bool::from(next.last.ct_eq(found)) {
            return None;
        }
        let record = parse(payload)?;
        *self = next;
        Some((record, rest))
    }
}

fn parse(mut payload: &[u8]) -> Option<PageRecord> {
    let mut record = PageRecord::default();
    for pages in &mut record.0 {
        pages.count = number(&mut payload)?;
        for _ in 0..number(&mut payload)? {
            let page = number(&mut payload)?;
            let (digest, rest) = payload.split_first_chunk::<16>()?;
            pages.changed.push((page, *digest));
            payload = rest;
        }
    }
    payload.is_empty().then_some(record)
}

fn parse_tables(mut payload: &[u8]) -> Option<PageTables> {
    let mut tables = PageTables::default();
    for table in &mut tables.0 {
        table.count = number(&mut payload)?;
        for _ in 0..number(&mut payload)? {
            let ((place, rest), places) = (payload.split_first()?, 2);
            let (digest, rest) = rest.split_first_chunk::<16>()?;
            table.blocks.push((Some(*place).filter(|place| *place < places)?, *digest));
            payload = rest;
        }
    }
    payload.is_empty().then_some(tables)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::ids::VaultId;

    fn scope() -> Scope {
        Scope { environment: "test".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) }
    }

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32])
    }

    fn record(seed: u8) -> PageRecord {
        let of = |count: u32| PagesOf { count, changed: vec![(0, [seed; 16]), (count - 1, [seed ^ 1; 16])] };
        PageRecord([of(1), of(3), of(9)])
    }

    fn tables() -> PageTables {
        let of = |count: u8| TableOf { count: count.into(), blocks: (0..count).map(|at| (at % 2, [at; 16])).collect() };
        PageTables([of(1), of(0), of(2)])
    }

    /// A file with four records, and where each of them ends.
    fn file() -> (Vec<u8>, Vec<usize>) {
        let (mut file, mut bytes) = PageFile::begin(&tables(), &key(), &scope());
        let mut ends = vec![bytes.len()];
        for seed in 0..3 {
            let (next, record) = file.write(&record(seed));
            bytes.extend(record);
            assert_eq!(next.length(), bytes.len() as u64);
            ends.push(bytes.len());
            file = next;
        }
        (bytes, ends)
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, _) = file();
        let (read, said) = PageFile::read(&bytes, &key(), &scope()).unwrap();
        assert_eq!((read.length(), said.tables), (bytes.len() as u64, Some(tables())));
        assert_eq!(said.changes, [record(0), record(1), record(2)]);
    }

    #[test]
    fn a_file_of_the_first_version_has_changes_alone() {
        let mut bytes = FORMER_LINE.to_vec();
        let mut file = PageFile::after_line(FORMER_LINE, &key(), &scope());
        assert_eq!(PageFile::read(&bytes, &key(), &scope()).err(), Some(NotOurs));
        for seed in 0..2 {
            let (next, record) = file.write(&record(seed));
            bytes.extend(record);
            file = next;
        }
        let (read, said) = PageFile::read(&bytes, &key(), &scope()).unwrap();
        assert_eq!((read.length(), said.tables, said.changes), (bytes.len() as u64, None, vec![record(0), record(1)]));
        bytes[14] = b'2';
        assert_eq!(PageFile::read(&bytes, &key(), &scope()).err(), Some(NotOurs), "said to be of the second");
    }

    #[test]
    fn a_file_counts_as_far_as_it_is_authentic() {
        let (bytes, ends) = file();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let whole = ends.iter().filter(|end| **end <= at).count();
            for found in [changed.as_slice(), &bytes[..at]] {
                match PageFile::read(found, &key(), &scope()) {
                    Ok((file, said)) => {
                        assert_eq!((said.changes.len() + 1, file.length()), (whole, ends[whole - 1] as u64), "{at}");
                    }
                    Err(NotOurs) => assert_eq!(whole, 0, "{at}"),
                }
            }
        }
    }

    #[test]
    fn records_of_another_place_or_vault_are_none() {
        let (bytes, ends) = file();
        let (first, second) = (&bytes[..ends[0]], &bytes[ends[1]..]);
        let left_out = [first, second].concat();
        assert_eq!(PageFile::read(&left_out, &key(), &scope()).unwrap().1.changes.len(), 0, "one was left out");
        let other = Scope { vault: VaultId::from_bytes([2; 16]), ..scope() };
        assert_eq!(PageFile::read(&bytes, &key(), &other).err(), Some(NotOurs));
        assert_eq!(PageFile::read(&bytes, &SecretKey::from_bytes(&[8; 32]), &scope()).err(), Some(NotOurs));
    }
}
