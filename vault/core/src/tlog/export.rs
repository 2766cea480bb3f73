//! A complete static copy of a log, file by file, from its entries in order. Writing the files is the caller's.

use std::collections::VecDeque;

use super::CHECKPOINT_PATH;
use super::bundle::append_entry;
use super::head::{HeadError, TreeHead};
use super::tile::{TILE_WIDTH, TileEdge, TileKind, TilePath};
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::note::{SignedNote, VerificationKey};

/// One file of a static copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its path below the copy's folder, with `/` between the parts.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why a log cannot be exported under this head.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExportError<E> {
    /// An entry could not be read.
    #[error("entry {index} of the log could not be read; the cause follows")]
    Source {
        /// The entry.
        index: u64,
        /// The cause.
        #[source]
        source: E,
    },
    /// An entry does not fit a bundle.
    #[error("entry {index} is {length} bytes long and a copy holds 65535 at most; this log has no static copy")]
    TooLong {
        /// The entry.
        index: u64,
        /// Its length in bytes.
        length: usize,
    },
    /// The log ends before its signed head.
    #[error("the log ends after {have} entries and its signed head has {signed}; verify the log")]
    Truncated {
        /// How many entries there are.
        have: u64,
        /// How many were signed.
        signed: u64,
    },
    /// The entries are not those that were signed.
    #[error("the entries do not lead to the signed root; verify the log")]
    Root,
}

/// The files of a static copy, one at a time, the signed head last: a copy without `checkpoint` is unfinished.
///
/// Holds one bundle and one tile a level, however long the log is. Entries after the signed head are left out. Of a log
/// that was pruned, its first whole bundles, [`Self::pass`] takes their leaves before the first file is asked for.
pub struct Export<I> {
    entries: I,
    note: SignedNote,
    head: TreeHead,
    tree: Frontier,
    edge: TileEdge,
    bundle: Vec<u8>,
    ready: VecDeque<ExportedFile>,
    ended: bool,
}

impl<I> Export<I> {
    /// Prepares the copy of a log at a head, whose signature is checked first.
    pub fn new(
        entries: I,
        note: SignedNote,
        key: &VerificationKey,
        expected_origin: Option<&str>,
    ) -> Result<Self, HeadError> {
        Ok(Self {
            entries,
            head: TreeHead::of_note(&note, key, expected_origin)?,
            note,
            tree: Frontier::new(),
            edge: TileEdge::default(),
            bundle: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
        })
    }

    /// The head that the copy is made for.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// Takes the next leaf into the copy, whose entry was pruned; gives the files that this completes.
    pub fn pass(&mut self, leaf: Hash) -> Vec<ExportedFile> {
        self.tree.append(leaf);
        for tile in self.edge.push(leaf) {
            self.ready.push_back(ExportedFile { path: tile.path.to_string(), bytes: tile.to_bytes() });
        }
        self.ready.drain(..).collect()
    }

    fn add<E>(&mut self, entry: &[u8]) -> Result<(), ExportError<E>> {
        if !append_entry(&mut self.bundle, entry) {
            return Err(ExportError::TooLong { index: self.tree.size(), length: entry.len() });
        }
        let leaf = leaf_hash(entry);
        self.tree.append(leaf);
        if self.tree.size().is_multiple_of(TILE_WIDTH) {
            self.end_bundle();
        }
        for tile in self.edge.push(leaf) {
            self.ready.push_back(ExportedFile { path: tile.path.to_string(), bytes: tile.to_bytes() });
        }
        Ok(())
    }

    fn end_bundle(&mut self) {
        let size = self.tree.size();
        let index = size.saturating_sub(1) / TILE_WIDTH;
        if self.bundle.is_empty() {
            return; // pruned to the last
        }
        if let Some(path) = TilePath::at(TileKind::Entries, index, size) {
            self.ready.push_back(ExportedFile { path: path.to_string(), bytes: std::mem::take(&mut self.bundle) });
        }
    }

    fn end<E>(&mut self) -> Result<(), ExportError<E>> {
        self.ended = true;
        if self.tree.root() != self.head.root {
            return Err(ExportError::Root);
        }
        if !self.tree.size().is_multiple_of(TILE_WIDTH) {
            self.end_bundle();
        }
        for tile in std::mem::take(&mut self.edge).into_partial() {
            self.ready.push_back(ExportedFile { path: tile.path.to_string(), bytes: tile.to_bytes() });
        }
        self.ready
            .push_back(ExportedFile { path: CHECKPOINT_PATH.to_owned(), bytes: self.note.to_string().into_bytes() });
        Ok(())
    }
}

impl<I, L, E> Export<I>
where
    I: Iterator<Item = Result<L, E>>,
    L: AsRef<[u8]>,
{
    /// Takes one entry, or the end, into the copy.
    fn advance(&mut self) -> Result<(), ExportError<E>> {
        let have = self.tree.size();
        if have == self.head.size {
            return self.end();
        }
        match self.entries.next() {
            Some(Ok(entry)) => self.add(entry.as_ref()),
            Some(Err(source)) => Err(ExportError::Source { index: have, source }),
            None => Err(ExportError::Truncated { have, signed: self.head.size }),
        }
    }
}

impl<I, L, E> Iterator for Export<I>
where
    I: Iterator<Item = Result<L, E>>,
    L: AsRef<[u8]>,
{
    type Item = Result<ExportedFile, ExportError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(file) = self.ready.pop_front() {
                return Some(Ok(file));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.advance() {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }
}
