//! The tree above a log's full tiles, kept so that no tile and no proof needs the whole log: one hash for 256 entries.
//! Where the leaf hashes are, and where this is kept between two starts, is the caller's.

use super::tile::TILE_WIDTH;
use crate::merkle::{Hash, HashSource, node_hash, root_of};

/// The levels that a full tile spans: 256 is 2⁸.
pub const TILE_LEVELS: u32 = 8;

/// The roots of all full tiles, level by level: what the hash tiles from level 1 on hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FullTiles {
    /// Of level 1, level 2…; each a whole number of times 256 shorter than the one before it.
    levels: Vec<Vec<Hash>>,
}

impl FullTiles {
    /// How many full tiles of level 0 there are.
    pub fn count(&self) -> u64 {
        self.roots().len() as u64
    }

    /// How many leaves they cover.
    pub fn leaves(&self) -> u64 {
        self.count() * TILE_WIDTH
    }

    /// Their roots, in order: enough to make this again.
    pub fn roots(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Adds the root of the next full tile of level 0, which may complete tiles above.
    pub fn push(&mut self, root: Hash) {
        let mut root = root;
        for level in &mut self.levels {
            level.push(root);
            let (full, rest) = level.as_chunks::<256>();
            match full.last() {
                Some(tile) if rest.is_empty() => root = root_of(tile.iter().copied()),
                _ => return,
            }
        }
        self.levels.push(vec![root]);
    }

    /// Hashes of one tile level, from 1 on; `None` unless all of them are there.
    pub fn hashes(&self, level: u32, from: u64, count: u64) -> Option<&[Hash]> {
        let tiles = self.levels.get(usize::try_from(level.checked_sub(1)?).ok()?)?;
        let (from, count) = (usize::try_from(from).ok()?, usize::try_from(count).ok()?);
        tiles.get(from..from.checked_add(count)?)
    }
}

impl FromIterator<Hash> for FullTiles {
    fn from_iter<I: IntoIterator<Item = Hash>>(roots: I) -> Self {
        let mut tiles = Self::default();
        roots.into_iter().for_each(|root| tiles.push(root));
        tiles
    }
}

/// A log's hashes for proofs: those above full tiles from memory, those within a tile from its leaf hashes.
pub struct TiledLog<'t, F> {
    /// The full tiles.
    pub tiles: &'t FullTiles,
    /// Reads that many leaf hashes from an index on; all of them, or an error.
    pub leaves: F,
}

impl<E, F: Fn(u64, u64) -> Result<Vec<Hash>, E>> HashSource for TiledLog<'_, F> {
    type Error = E;

    fn leaf(&self, index: u64) -> Result<Hash, E> {
        Ok(root_of((self.leaves)(index, 1)?))
    }

    fn node(&self, level: u32, index: u64) -> Result<Hash, E> {
        let (tile_level, height) = (level / TILE_LEVELS, level % TILE_LEVELS);
        let (from, count) = (index << height, 1 << height);
        if tile_level == 0 {
            return Ok(root_of((self.leaves)(from, count)?));
        }
        if let Some(hashes) = self.tiles.hashes(tile_level, from, count) {
            return Ok(root_of(hashes.iter().copied()));
        }
        // Not caught up with the log: from what lies below.
        Ok(node_hash(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;
    use crate::merkle::{consistency_proof, inclusion_proof, leaf_hash, root_at, verify_consistency, verify_inclusion};

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn tiles(leaves: &[Hash]) -> FullTiles {
        leaves.chunks_exact(256).map(|tile| root_of(tile.iter().copied())).collect()
    }

    #[test]
    fn tiles_above_hold_the_roots_of_full_tiles_below() {
        let leaves = leaves(256 * 256 + 300);
        let tiles = tiles(&leaves);
        assert_eq!((tiles.count(), tiles.leaves()), (257, 257 * 256));
        assert_eq!(tiles.hashes(1, 256, 1).unwrap(), [root_of(leaves[256 * 256..257 * 256].iter().copied())]);
        assert_eq!(tiles.hashes(2, 0, 1).unwrap(), [root_of(leaves[..256 * 256].iter().copied())]);
        for (level, from, count) in [(0, 0, 1), (1, 256, 2), (1, u64::MAX, 1), (2, 0, 2), (3, 0, 1)] {
            assert_eq!(tiles.hashes(level, from, count), None);
        }
        assert_eq!(tiles.roots().iter().copied().collect::<FullTiles>(), tiles);
    }

    #[test]
    fn proofs_are_those_of_the_whole_tree_and_read_few_leaves() {
        let all = leaves(70_000);
        for tiles in [tiles(&all), tiles(&all[..40_000])] {
            let read = Cell::new(0);
            let log = TiledLog {
                tiles: &tiles,
                leaves: |from: u64, count: u64| {
                    read.set(read.get() + count);
                    Ok::<_, Infallible>(
                        all[usize::try_from(from).unwrap()..][..usize::try_from(count).unwrap()].to_vec(),
                    )
                },
            };
            let root = root_of(all.iter().copied());
            let root_before = root_of(all[..65_537].iter().copied());
            assert_eq!(root_at(70_000, &log).unwrap(), root);
            for index in [0, 255, 256, 65_535, 65_536, 69_999] {
                let proof = inclusion_proof(index, 70_000, &log).unwrap();
                let leaf = all[usize::try_from(index).unwrap()];
                assert_eq!(verify_inclusion(leaf, index, 70_000, &proof, root), Ok(()));
            }
            let proof = consistency_proof(65_537, 70_000, &log).unwrap();
            assert_eq!(verify_consistency((65_537, root_before), (70_000, root), &proof), Ok(()));
            let caught_up = tiles.count() == 273;
            assert_eq!(read.get() < 6_000, caught_up, "{} leaf hashes were read", read.get());
        }
    }
}
