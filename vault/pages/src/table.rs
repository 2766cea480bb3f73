//! The table: digests of pages on the disk, in blocks of which each has two places. A block is written where nobody looks for it yet; so the
//! table as it was stays whole until whoever keeps the list of the blocks says that there is another one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use crate::pages::{Digest, digest};

/// Digests in a block.
pub(crate) const IN_BLOCK: usize = 256;
/// Bytes of a block.
const LENGTH: usize = IN_BLOCK * size_of::<Digest>();
/// Blocks that are kept in memory: 1 MiB, the digests of 256 MiB of a database.
const REMEMBERED: usize = 256;

/// A block: in which of its two places it stands, and the digest of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Zero or one.
    pub place: u8,
    /// The first 16 bytes of the SHA-256.
    pub digest: Digest,
}

/// A block's bytes that are known to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    number: usize,
    block: Block,
    digests: Box<[Digest]>,
}

/// The table of one database.
#[derive(Debug)]
pub(crate) struct Table {
    file: File,
    /// Those that were read lately, each where its number says.
    lately: Box<[Mutex<Option<Read>>]>,
}

fn offset(number: usize, place: u8) -> u64 {
    (2 * number as u64 + u64::from(place)) * LENGTH as u64
}

fn bytes_of(digests: &[Digest]) -> Vec<u8> {
    digests.concat()
}

impl Table {
    pub(crate) fn new(file: File) -> Self {
        Self { file, lately: (0..REMEMBERED).map(|_| Mutex::default()).collect() }
    }

    /// The digest of a page; none if the block is not the one that it should be.
    pub(crate) fn find(&self, blocks: &[Block], page: usize) -> io::Result<Option<Digest>> {
        let (number, within) = (page / IN_BLOCK, page % IN_BLOCK);
        let (Some(block), Some(place)) = (blocks.get(number), self.lately.get(number % REMEMBERED)) else {
            return Ok(None);
        };
        let mut lately = place.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.as_ref().is_none_or(|read| read.number != number || read.block != *block) {
            *lately = self.read(number, *block)?.map(|digests| Read { number, block: *block, digests });
        }
        Ok(lately.as_ref().and_then(|read| read.digests.get(within)).copied())
    }

    fn read(&self, number: usize, block: Block) -> io::Result<Option<Box<[Digest]>>> {
        let mut bytes = [0; LENGTH];
        self.file.read_exact_at(&mut bytes, offset(number, block.place))?;
        let (digests, _) = bytes.as_chunks();
        Ok((digest(&bytes) == block.digest).then(|| digests.into()))
    }

    /// The blocks of a file of so many pages with some of them changed: what is not as it was is written, and durable.
    pub(crate) fn with(
        &self,
        blocks: &[Block],
        count: usize,
        changed: &BTreeMap<usize, Digest>,
    ) -> io::Result<Vec<Block>> {
        let mut folded = Vec::with_capacity(count.div_ceil(IN_BLOCK));
        for number in 0..count.div_ceil(IN_BLOCK) {
            let pages = number * IN_BLOCK..(number + 1) * IN_BLOCK;
            let before = blocks.get(number);
            let block = match before {
                Some(block) if changed.range(pages.clone()).next().is_none() => *block,
                before => self.rewrite(number, before.copied(), pages, count, changed)?,
            };
            folded.push(block);
        }
        self.file.sync_all()?;
        Ok(folded)
    }

    fn rewrite(
        &self,
        number: usize,
        before: Option<Block>,
        pages: Range<usize>,
        count: usize,
        changed: &BTreeMap<usize, Digest>,
    ) -> io::Result<Block> {
        let is_said = |page| page >= count || changed.contains_key(&page);
        let known = match before {
            // What is changed whole is not read: it need not be what it was.
            Some(block) if !pages.clone().all(is_said) => {
                let other = || io::Error::new(io::ErrorKind::InvalidData, "the table of pages was changed");
                self.read(number, block)?.ok_or_else(other)?
            }
            _ => vec![Digest::default(); IN_BLOCK].into(),
        };
        let now: Vec<Digest> =
            pages.zip(known).map(|(page, known)| changed.get(&page).copied().unwrap_or(known)).collect();
        let (bytes, place) = (bytes_of(&now), before.map_or(0, |block| block.place ^ 1));
        self.file.write_all_at(&bytes, offset(number, place))?;
        Ok(Block { place, digest: digest(&bytes) })
    }
}
