//! What each page of one database file should be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

use crate::table::{Block, Table};

/// The size of a page: SQLCipher's own.
pub const PAGE: usize = 4096;

/// The page, counted from zero, in which SQLite's locks are (`PENDING_BYTE`, at 1 GiB): it writes nothing there, nor reads it, so what stands
/// there is what the file system gives for a hole.
const LOCK_PAGE: usize = 0x4000_0000 / PAGE;

/// The first 16 bytes of a page's SHA-256. Nobody who lacks the database's key can make a page that SQLCipher takes, so
/// what is to be told apart are the pages that a database once had.
pub type Digest = [u8; 16];

/// The digest of a page as it stands in the file.
pub fn digest(page: &[u8]) -> Digest {
    let mut digest = [0; 16];
    digest.copy_from_slice(Sha256::digest(page).split_at(16).0);
    digest
}

/// The digests of all pages of a database file; shared by every connection to it. Most of them stand in a table on the disk, of which a digest of
/// each block is known here: memory is a 256th of what it would be, and whoever changes the table is noticed as whoever changes a page.
#[derive(Debug)]
pub struct Pages {
    known: RwLock<Known>,
    table: Table,
}

/// What is in memory.
#[derive(Debug)]
struct Known {
    count: usize,
    /// The blocks of the table.
    blocks: Vec<Block>,
    /// What changed since the table was written.
    changed: BTreeMap<usize, Digest>,
}

/// What a table says with everything that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// How many pages the file has.
    pub count: usize,
    /// The table's blocks.
    pub blocks: Vec<Block>,
}

impl Pages {
    /// Of a file with so many pages, by a table with these blocks.
    pub fn by(table: File, Folded { count, blocks }: Folded) -> Self {
        let known = Known { count, blocks, changed: BTreeMap::new() };
        Self { known: RwLock::new(known), table: Table::new(table) }
    }

    /// Whether this is the page of that number, counted from zero. An error is of reading the table.
    pub fn holds(&self, number: usize, page: &[u8]) -> io::Result<bool> {
        if number == LOCK_PAGE {
            return Ok(self.has(number) && page.iter().all(|byte| *byte == 0));
        }
        Ok(self.find(number)? == Some(digest(page)))
    }

    fn find(&self, number: usize) -> io::Result<Option<Digest>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if number >= known.count {
            return Ok(None);
        }
        match known.changed.get(&number) {
            Some(digest) => Ok(Some(*digest)),
            None => self.table.find(&known.blocks, number),
        }
    }

    /// A digest of what these pages are, by their numbers from zero: the same for as long as none of them is another.
    pub fn together(&self, pages: Range<usize>) -> io::Result<[u8; 32]> {
        let mut together = Sha256::new();
        for number in pages {
            together.update(self.find(number)?.unwrap_or_default());
        }
        Ok(together.finalize().into())
    }

    /// Whether the file has a page of that number.
    pub fn has(&self, number: usize) -> bool {
        number < self.count()
    }

    /// How many pages the file has.
    pub fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).count
    }

    /// From now on the file has so many pages, and these, by their numbers from zero, are others. Nobody may be reading the file.
    pub fn change(&self, count: usize, changed: impl IntoIterator<Item = (usize, Digest)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // What the file has lost, or has and nobody has said anything of, is no page that it ever had.
        let unsaid = known.count.min(count)..known.count.max(count);
        known.changed.extend(unsaid.map(|number| (number, Digest::default())));
        known.count = count;
        known.changed.extend(changed.into_iter().filter(|(number, _)| *number < count));
    }

    /// Writes everything that changed into the table, beside what it says now, which stays until it is said to be
    /// [`folded`](Self::is_folded): durable when it returns.
    pub fn fold(&self) -> io::Result<Folded> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let blocks = self.table.with(&known.blocks, known.count, &known.changed)?;
        Ok(Folded { count: known.count, blocks })
    }

    /// From now on the table says everything.
    pub fn is_folded(&self, Folded { count, blocks }: Folded) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known { count, blocks, changed: BTreeMap::new() };
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::table::IN_BLOCK;

    fn none() -> Folded {
        Folded { count: 0, blocks: Vec::new() }
    }

    fn page(seed: usize) -> [u8; PAGE] {
        let mut page = [7; PAGE];
        page.split_at_mut(8).0.copy_from_slice(&seed.to_be_bytes());
        page
    }

    /// A file of so many pages, all said.
    fn pages(count: usize) -> (Pages, File) {
        let table = tempfile::tempfile().unwrap();
        let pages = Pages::by(table.try_clone().unwrap(), none());
        pages.change(count, (0..count).map(|number| (number, digest(&page(number)))));
        (pages, table)
    }

    #[test]
    fn a_page_is_known_by_its_number_and_its_bytes() {
        let (pages, _table) = pages(2);
        let holds = |number, seed| pages.holds(number, &page(seed)).unwrap();
        for folded in [false, true] {
            if folded {
                pages.is_folded(pages.fold().unwrap());
            }
            assert!(holds(0, 0) && holds(1, 1));
            assert!(!holds(1, 0) && !holds(2, 1), "another place");
        }
        pages.change(3, [(1, digest(&page(0))), (7, digest(&page(0)))]);
        assert!(holds(0, 0) && holds(1, 0) && !holds(1, 1));
        assert!(pages.has(2) && !holds(2, 0), "a page that nobody has said anything of");
        pages.change(1, []);
        assert!(holds(0, 0) && !pages.has(1));
        pages.change(2, []);
        assert!(!holds(1, 0) && !holds(1, 1), "what was once beyond the end is not there again");
        pages.is_folded(pages.fold().unwrap());
        assert!(holds(0, 0) && !holds(1, 0) && !holds(1, 1));
    }

    #[test]
    fn pages_are_the_same_together_until_one_of_them_is_another() {
        let (pages, _table) = pages(IN_BLOCK + 3);
        let (all, first) = (pages.together(0..IN_BLOCK + 3).unwrap(), pages.together(0..IN_BLOCK).unwrap());
        pages.is_folded(pages.fold().unwrap());
        assert_eq!(pages.together(0..IN_BLOCK + 3).unwrap(), all);
        pages.change(IN_BLOCK + 3, [(IN_BLOCK, digest(&page(7)))]);
        assert_ne!(pages.together(0..IN_BLOCK + 3).unwrap(), all);
        assert_eq!(pages.together(0..IN_BLOCK).unwrap(), first, "none of these");
    }

    /// No commit has it, so nobody ever says what it is.
    #[test]
    fn the_page_of_the_locks_is_empty() {
        let (pages, _table) = pages(3);
        let holds = |number, page: &[u8]| pages.holds(number, page).unwrap();
        assert!(!holds(LOCK_PAGE, &[0; PAGE]), "the file ends before it");
        pages.change(LOCK_PAGE + 2, [LOCK_PAGE - 1, LOCK_PAGE + 1].map(|number| (number, digest(&page(number)))));
        for folded in [false, true] {
            if folded {
                pages.is_folded(pages.fold().unwrap());
            }
            assert!(holds(LOCK_PAGE, &[0; PAGE]) && !holds(LOCK_PAGE, &page(LOCK_PAGE)));
            assert!(holds(LOCK_PAGE - 1, &page(LOCK_PAGE - 1)) && holds(LOCK_PAGE + 1, &page(LOCK_PAGE + 1)));
            assert!(!holds(LOCK_PAGE - 1, &[0; PAGE]) && !holds(LOCK_PAGE + 1, &[0; PAGE]));
        }
    }

    #[test]
    fn what_was_folded_is_what_was_said_and_what_was_before_stays_until_then() {
        let count = 2 * IN_BLOCK + 3;
        let (pages, table) = pages(count);
        let first = pages.fold().unwrap();
        assert_eq!(first.blocks.len(), 3);
        pages.is_folded(first.clone());
        for round in 1..4 {
            let changed = [0, IN_BLOCK, count - 1].map(|number| (number, digest(&page(number + 1000 * round))));
            let before = pages.fold().unwrap();
            pages.change(count + round, changed);
            let after = pages.fold().unwrap();
            let as_before = Pages::by(table.try_clone().unwrap(), before);
            let as_after = Pages::by(table.try_clone().unwrap(), after.clone());
            for (number, seed) in (0..count).map(|number| (number, number)) {
                let is_other = [0, IN_BLOCK, count - 1].contains(&number);
                let (old, new) = (
                    seed + if is_other { 1000 * (round - 1) } else { 0 },
                    seed + if is_other { 1000 * round } else { 0 },
                );
                assert!(as_before.holds(number, &page(old)).unwrap(), "{round}, {number}: a crash now");
                assert!(as_after.holds(number, &page(new)).unwrap(), "{round}, {number}");
                assert!(pages.holds(number, &page(new)).unwrap(), "{round}, {number}");
            }
            pages.is_folded(after);
        }
    }

    #[test]
    fn what_is_said_anew_as_a_whole_needs_no_table_that_is_right() {
        let count = IN_BLOCK + 3;
        let (pages, table) = pages(count);
        pages.is_folded(pages.fold().unwrap());
        table.write_all_at(&[0xff; 3 * 4096], 0).unwrap();
        let all = || (0..count).map(|number| (number, digest(&page(number + 1))));
        pages.change(count, all().skip(1));
        assert!(pages.fold().is_err(), "of the first page the table is asked");
        pages.change(count, all());
        pages.is_folded(pages.fold().unwrap());
        assert!((0..count).all(|number| pages.holds(number, &page(number + 1)).unwrap()));
    }

    #[test]
    fn a_table_that_was_changed_says_nothing() {
        let (pages, table) = pages(IN_BLOCK + 1);
        let folded = pages.fold().unwrap();
        let holds =
            |number: usize| Pages::by(table.try_clone().unwrap(), folded.clone()).holds(number, &page(number)).unwrap();
        let length = usize::try_from(table.metadata().unwrap().len()).unwrap();
        let mut noticed = 0;
        for at in (0..length).step_by(61) {
            let mut byte = [0];
            table.read_exact_at(&mut byte, at as u64).unwrap();
            table.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
            noticed += usize::from(!holds(0)) + usize::from(!holds(IN_BLOCK));
            table.write_all_at(&byte, at as u64).unwrap();
            assert!(holds(0) && holds(IN_BLOCK));
        }
        // Each block has two places, one of which nobody reads.
        assert!(noticed * 61 >= 2 * IN_BLOCK * 16 - 61, "{noticed}");
        table.set_len(100).unwrap();
        assert!(Pages::by(table, folded.clone()).holds(0, &page(0)).is_err(), "a table that was cut");
    }
}
