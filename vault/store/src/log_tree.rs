//! The log's tree, for tiles and proofs: what the log stores is leaf hashes; the roots of full tiles are computed once
//! and remembered, in memory and in the file `tiles`, so that neither a tile nor a proof goes through the whole log.
//!
//! The file is derived and nobody trusts it: it counts only if it leads to the root that the newest head signs, and
//! is made again from the leaf hashes otherwise.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use coffre_core::merkle::{Hash, ProveError, consistency_proof, inclusion_proof, root_at, root_of};
use coffre_core::tlog::{
    FullTiles, HeadError, NotAnExtension, TILE_WIDTH, TileKind, TilePath, TiledLog, TreeHead, entry_bundle,
};
use thiserror::Error;

use crate::error::ReadError;
use crate::store::Store;
use crate::tile_file::{remember, remembered};

/// Full tiles whose leaves are read in one view: a view is short, whatever the log's length.
const PAGE: u64 = 8;

/// A tile or proof that was not made.
#[derive(Debug, Error)]
pub enum LogTreeError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The newest head does not hold.
    #[error("the vault's tree head cannot be believed: run `coffre audit verify`")]
    Head(#[from] HeadError),
    /// The stored leaf hashes do not lead to the newest head.
    #[error("the log does not lead to its signed head: run `coffre audit verify`")]
    Root,
    /// No such leaf, or a tree that shrinks.
    #[error(transparent)]
    Sizes(ProveError<std::convert::Infallible>),
    /// The entries were pruned.
    #[error("the entries before {minimum_index} were pruned: ask for later ones; the hashes of all are there")]
    Pruned {
        /// The first that was not.
        minimum_index: u64,
    },
    /// The log has not so many entries.
    #[error("the log has {have} entries, not {asked}: ask for a size up to that of a signed head")]
    Beyond {
        /// How many there are.
        have: u64,
        /// How many were asked for.
        asked: u64,
    },
}

impl From<ProveError<ReadError>> for LogTreeError {
    fn from(error: ProveError<ReadError>) -> Self {
        match error {
            ProveError::NoSuchLeaf { index, size } => Self::Sizes(ProveError::NoSuchLeaf { index, size }),
            ProveError::Shrinking { old, new } => Self::Sizes(ProveError::Shrinking { old, new }),
            ProveError::Source(error) => Self::Read(error),
        }
    }
}

/// The tree of an open vault's log. Blocks while it reads: used on a blocking thread.
pub struct LogTree {
    store: Store,
    file: PathBuf,
    /// None until it was first needed.
    tiles: Mutex<Option<FullTiles>>,
}

impl LogTree {
    /// The tree of this vault. Reads nothing yet.
    pub fn of(store: &Store) -> Self {
        let file = store.shared().layout.tiles();
        Self { store: store.clone(), file, tiles: Mutex::new(None) }
    }

    /// The root when the log had this size.
    pub fn root_at(&self, size: u64) -> Result<Hash, LogTreeError> {
        self.within(size, |log| Ok(root_at(size, log)?))
    }

    /// The proof that an entry is in the log of this size.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogTreeError> {
        self.within(size, |log| Ok(inclusion_proof(index, size, log)?))
    }

    /// The proof that the log of the size `new` goes on from the log of the size `old`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LogTreeError> {
        self.within(old.max(new), |log| Ok(consistency_proof(old, new, log)?))
    }

    /// Whether the log goes on from a head that is known from elsewhere, of whichever generation.
    pub fn goes_on_from(&self, known: &TreeHead) -> Result<Result<(), NotAnExtension>, LogTreeError> {
        let size = self.store.tree_head().size;
        if size < known.size {
            return Ok(Err(NotAnExtension::Rollback { size, known: known.size }));
        }
        Ok(NotAnExtension::by_root(self.root_at(known.size)?, known))
    }

    /// A tile's bytes (C2SP tlog-tiles); `None` where the log is not that long.
    pub fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, LogTreeError> {
        if !path.is_within(self.store.tree_head().size) {
            return Ok(None);
        }
        let (from, width) = (path.index() * TILE_WIDTH, path.width());
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(Hash::as_bytes).copied().collect();
        match path.kind() {
            TileKind::Entries => self.bundle(from, width).map(Some),
            TileKind::Hashes { level: 0 } => Ok(Some(bytes(&leaf_hashes(&self.store, from, width)?))),
            TileKind::Hashes { level } => {
                self.within(self.store.tree_head().size, |log| Ok(log.tiles.hashes(level, from, width).map(bytes)))
            }
        }
    }

    fn bundle(&self, from: u64, width: u64) -> Result<Vec<u8>, LogTreeError> {
        let snapshot = self.store.snapshot()?;
        let minimum_index = snapshot.minimum_index()?;
        if from < minimum_index {
            return Err(LogTreeError::Pruned { minimum_index });
        }
        let entries = snapshot.entries(from, usize::try_from(width).unwrap_or(usize::MAX))?;
        let whole = entries.len() as u64 == width && entries.first().is_some_and(|first| first.index == from);
        let bundle = entry_bundle(entries.iter().map(|entry| &entry.leaf));
        bundle.filter(|_| whole).ok_or(LogTreeError::Read(ReadError::Format { what: "log" }))
    }

    /// Does something with the tree, caught up with the log as far as a size.
    fn within<T>(
        &self,
        size: u64,
        act: impl FnOnce(&TiledLog<'_, &dyn Fn(u64, u64) -> Result<Vec<Hash>, ReadError>>) -> Result<T, LogTreeError>,
    ) -> Result<T, LogTreeError> {
        let have = self.store.tree_head().size;
        if size > have {
            return Err(LogTreeError::Beyond { have, asked: size });
        }
        let mut kept = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        let tiles = match kept.as_mut() {
            Some(tiles) => tiles,
            None => kept.insert(self.load()?),
        };
        self.catch_up(tiles, size)?;
        act(&TiledLog { tiles, leaves: &|from, count| leaf_hashes(&self.store, from, count) })
    }

    /// What the file holds, if that leads to the newest head; otherwise anew.
    fn load(&self) -> Result<FullTiles, LogTreeError> {
        let note = self.store.tree_head().note;
        let head = TreeHead::open(note.as_bytes(), self.store.verification_key(), Some(self.store.origin()))?;
        let remembered = remembered(&self.file, head.size / TILE_WIDTH).unwrap_or_default();
        let found = remembered.count() > 0;
        for mut tiles in [remembered, FullTiles::default()] {
            self.catch_up(&mut tiles, head.size)?;
            let log = TiledLog { tiles: &tiles, leaves: |from, count| leaf_hashes(&self.store, from, count) };
            if root_at(head.size, &log)? == head.root {
                return Ok(tiles);
            }
            if !found {
                break;
            }
        }
        Err(LogTreeError::Root)
    }

    fn catch_up(&self, tiles: &mut FullTiles, size: u64) -> Result<(), LogTreeError> {
        let before = tiles.count();
        while tiles.count() < size / TILE_WIDTH {
            let page = (size / TILE_WIDTH - tiles.count()).min(PAGE);
            let hashes = leaf_hashes(&self.store, tiles.leaves(), page * TILE_WIDTH)?;
            hashes.as_chunks::<256>().0.iter().for_each(|tile| tiles.push(root_of(tile.iter().copied())));
        }
        let new = usize::try_from(before).ok().and_then(|from| tiles.roots().get(from..)).unwrap_or_default();
        if let Err(error) = remember(&self.file, before, new) {
            tracing::warn!(%error, "the roots of full tiles are not kept: the next start goes through the whole log");
        }
        Ok(())
    }
}

/// All of these leaf hashes.
fn leaf_hashes(store: &Store, from: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
    let hashes = store.snapshot()?.leaf_hashes(from, usize::try_from(count).unwrap_or(usize::MAX))?;
    if hashes.len() as u64 == count { Ok(hashes) } else { Err(ReadError::Format { what: "log" }) }
}
