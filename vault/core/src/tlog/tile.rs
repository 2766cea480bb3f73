//! Tiles (<https://c2sp.org/tlog-tiles>): their paths, and the hash tiles of all levels growing from leaf hashes.

use std::fmt;

use crate::merkle::{Hash, root_of};

/// How many hashes or entries a full tile holds.
pub const TILE_WIDTH: u64 = 256;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes; those of level 0 are leaf hashes, those above are the roots of full tiles one level below.
    Hashes {
        /// The level, 0 to 7.
        level: u32,
    },
    /// Entries, as many as the level 0 tile of the same index has hashes.
    Entries,
}

/// The place of a tile in a static copy: `tile/<level or "entries">/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    pub(super) kind: TileKind,
    pub(super) index: u64,
    pub(super) width: u64,
}

impl TilePath {
    /// The tile as it stands in a tree of `size` leaves; `None` if it would be empty.
    pub fn at(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let level = match kind {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        let hashes = size.checked_shr(8 * level).unwrap_or(0);
        let width = hashes.saturating_sub(index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH);
        (width > 0).then_some(Self { kind, index, width })
    }

    /// What the tile holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its index within its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds, 1 to 256.
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Whether a log of `size` leaves holds all that the tile names. A tile that has grown wider since still begins
    /// with what it held.
    pub fn is_within(&self, size: u64) -> bool {
        Self::at(self.kind, self.index, size).is_some_and(|whole| self.width <= whole.width)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        write_groups(f, self.index / 1000)?;
        write!(f, "{:03}", self.index % 1000)?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// All groups of three digits but the last: `x001/x234/`.
fn write_groups(f: &mut fmt::Formatter<'_>, groups: u64) -> fmt::Result {
    if groups == 0 {
        return Ok(());
    }
    write_groups(f, groups / 1000)?;
    write!(f, "x{:03}/", groups % 1000)
}

/// A hash tile: where it goes and what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HashTile {
    pub(super) path: TilePath,
    pub(super) hashes: Vec<Hash>,
}

impl HashTile {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(Hash::as_bytes).copied().collect()
    }
}

/// The hash tiles at the right edge of a growing tree: one unfinished tile a level, whatever the size.
#[derive(Default)]
pub(super) struct TileEdge {
    levels: Vec<UnfinishedTile>,
}

#[derive(Default)]
struct UnfinishedTile {
    index: u64,
    hashes: Vec<Hash>,
}

impl TileEdge {
    /// Adds a leaf hash and returns the tiles that it completes, the lowest level first.
    pub(super) fn push(&mut self, leaf: Hash) -> Vec<HashTile> {
        let mut full = Vec::new();
        let mut hash = leaf;
        for (level, tile) in (0..).zip(&mut self.levels) {
            tile.hashes.push(hash);
            if (tile.hashes.len() as u64) < TILE_WIDTH {
                return full;
            }
            let hashes = std::mem::take(&mut tile.hashes);
            hash = root_of(hashes.iter().copied());
            full.push(HashTile {
                path: TilePath { kind: TileKind::Hashes { level }, index: tile.index, width: TILE_WIDTH },
                hashes,
            });
            tile.index += 1;
        }
        self.levels.push(UnfinishedTile { index: 0, hashes: vec![hash] });
        full
    }

    /// The partial tiles that remain at the end, the lowest level first.
    pub(super) fn into_partial(self) -> impl Iterator<Item = HashTile> {
        let levels = (0..).zip(self.levels);
        levels.filter(|(_, tile)| !tile.hashes.is_empty()).map(|(level, tile)| HashTile {
            path: TilePath { kind: TileKind::Hashes { level }, index: tile.index, width: tile.hashes.len() as u64 },
            hashes: tile.hashes,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    fn path(kind: TileKind, index: u64, size: u64) -> String {
        TilePath::at(kind, index, size).map(|path| path.to_string()).unwrap_or_default()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let level = |level| TileKind::Hashes { level };
        assert_eq!(path(level(0), 1_234_067, u64::MAX), "tile/0/x001/x234/067");
        assert_eq!(path(level(0), 1_000_000, u64::MAX), "tile/0/x001/x000/000");
        assert_eq!(path(TileKind::Entries, 999, u64::MAX), "tile/entries/999");
        assert_eq!(path(TileKind::Entries, 1000, 256_001), "tile/entries/x001/000.p/1");
        // The example of a tree of size 70,000.
        assert_eq!(path(level(0), 272, 70_000), "tile/0/272");
        assert_eq!(path(level(0), 273, 70_000), "tile/0/273.p/112");
        assert_eq!(path(level(0), 274, 70_000), "");
        assert_eq!(path(level(1), 0, 70_000), "tile/1/000");
        assert_eq!(path(level(1), 1, 70_000), "tile/1/001.p/17");
        assert_eq!(path(level(2), 0, 70_000), "tile/2/000.p/1");
        assert_eq!(path(level(3), 0, 70_000), "");
        assert_eq!(path(level(63), 0, u64::MAX), "");
        assert_eq!(path(TileKind::Entries, u64::MAX, 5), "");
    }

    #[test]
    fn a_growing_edge_gives_the_tiles_of_the_specification() {
        for size in [0u64, 1, 255, 256, 257, 511, 512, 70_000] {
            let mut edge = TileEdge::default();
            let mut tiles = Vec::new();
            for n in 0..size {
                tiles.extend(edge.push(leaf_hash(&n.to_be_bytes())));
            }
            tiles.extend(edge.into_partial());
            let expected = (0..8)
                .flat_map(|level| (0..300).map(move |index| (TileKind::Hashes { level }, index)))
                .filter_map(|(kind, index)| TilePath::at(kind, index, size));
            let mut count = 0;
            for path in expected {
                let tile = tiles.iter().find(|tile| tile.path == path).unwrap();
                assert_eq!(tile.hashes.len() as u64, path.width(), "{path}");
                count += 1;
            }
            assert_eq!(tiles.len(), count, "size {size}");
        }
    }
}
