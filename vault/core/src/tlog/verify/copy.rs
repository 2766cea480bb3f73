//! Verification of a static copy, without the vault and without any key but the public one.
//!
//! Two trees are grown side by side: one from the leaf hashes in the copy's level 0 tiles, one from its entries.
//! Whichever leads to the signed root is authentic, and what disagrees with it is at fault.

use super::super::CHECKPOINT_PATH;
use super::super::bundle::BundleEntries;
use super::super::head::TreeHead;
use super::super::tile::{HashTile, TILE_WIDTH, TileEdge, TileKind, TilePath};
use super::fault::{LogFault, NotAnExtension};
use super::pruned::Prefix;
use super::suspect::Suspect;
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::note::VerificationKey;

const LEAVES: TileKind = TileKind::Hashes { level: 0 };

/// No file of a copy has more bytes: a full bundle of the longest entries, each behind its length.
pub const LONGEST_FILE: u64 = TILE_WIDTH * (2 + 65_535);

/// Where the files of a copy are: a folder, a destination of backups, a map in a test.
pub trait CopySource {
    /// Why a file could not be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The whole file at a path (with `/` between its parts), `None` if there is none. Of one that has more bytes than
    /// [`LONGEST_FILE`] one more is enough: it is wrong, whatever follows.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// A copy in which nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyReport {
    /// Its signed head; all its entries were verified.
    pub head: TreeHead,
    /// The index of the first entry that was not pruned.
    pub minimum_index: u64,
    /// How many files were read.
    pub files: u64,
}

/// Verifies a static copy against its signed head, and that it extends `newer_than`, a head known from elsewhere: of this
/// generation, or of one before it.
///
/// Files that the head does not call for are not looked at.
pub fn verify_copy<S: CopySource>(
    source: &S,
    key: &VerificationKey,
    expected_origin: Option<&str>,
    newer_than: Option<&TreeHead>,
) -> Result<CopyReport, LogFault> {
    let note = read(source, CHECKPOINT_PATH)?.ok_or(LogFault::NoHead)?;
    let head = TreeHead::open(&note, key, expected_origin).map_err(LogFault::Head)?;
    if let Some(known) = newer_than {
        NotAnExtension::by_size(&head, known).map_err(LogFault::NotAnExtension)?;
    }
    let mut walk = Walk::new(source, &head, newer_than);
    let tiles = (0..).map_while(|index| {
        let bundle = TilePath::at(TileKind::Entries, index, head.size)?;
        let leaves = TilePath::at(LEAVES, index, head.size)?;
        Some((bundle, leaves))
    });
    for (bundle, leaves) in tiles {
        walk.visit(bundle, leaves)?;
    }
    let (minimum_index, files) = walk.conclude()?;
    Ok(CopyReport { head, minimum_index, files })
}

fn read<S: CopySource>(source: &S, path: &str) -> Result<Option<Vec<u8>>, LogFault> {
    source.read(path).map_err(|source| LogFault::Read { what: path.to_owned(), source: Box::new(source) })
}

/// One pass over a copy.
struct Walk<'a, S> {
    source: &'a S,
    head: &'a TreeHead,
    known: Option<&'a TreeHead>,
    files: u64,
    /// The tree over the leaf hashes, its right edge in tiles, and its root at the size of the known head.
    leaves: Frontier,
    edge: TileEdge,
    root_at_known_size: Option<Hash>,
    prefix: Prefix,
    /// The first bundle that is there, behind those that are not.
    first_bundle: Option<u64>,
    /// Set by the first entry that does not hash to its leaf.
    suspicion: Option<Suspicion>,
    /// The first tile above level 0 that does not fit the leaves.
    misfit: Option<Misfit>,
}

struct Suspicion {
    suspect: Suspect,
    /// The tree over the entries themselves, as long as they can be told apart.
    entries: Option<Frontier>,
}

struct Misfit {
    tile: TilePath,
    /// The entries under its first hash that differs.
    span: Option<(u64, u64)>,
}

impl<'a, S: CopySource> Walk<'a, S> {
    fn new(source: &'a S, head: &'a TreeHead, known: Option<&'a TreeHead>) -> Self {
        let from_nothing = known.is_some_and(|known| known.size == 0);
        Self {
            source,
            head,
            known,
            files: 1,
            leaves: Frontier::new(),
            edge: TileEdge::default(),
            root_at_known_size: from_nothing.then(Hash::empty_root),
            prefix: Prefix::default(),
            first_bundle: None,
            suspicion: None,
            misfit: None,
        }
    }

    /// Reads the bundle and the level 0 tile of one index and holds them against each other.
    fn visit(&mut self, bundle: TilePath, tile: TilePath) -> Result<(), LogFault> {
        let Some(bytes) = self.read(bundle)? else {
            let fault = self.why_absent(bundle)?;
            // Perhaps it was pruned: an entry further on says so.
            let is_first = self.prefix.is_all(self.leaves.size()) && matches!(fault, LogFault::Missing { .. });
            return if is_first { self.pass(tile) } else { Err(fault) };
        };
        let hashes = self.hashes(tile)?.ok_or(LogFault::HashTile { path: tile })?;
        let mut entries = BundleEntries::new(&bytes);
        for leaf in hashes {
            match entries.next() {
                Some(Ok(entry)) => {
                    self.prefix.see(self.leaves.size(), Some(entry));
                    self.see(leaf, leaf_hash(entry));
                }
                Some(Err(_)) => self.unreadable(Some(leaf), self.malformed(bundle))?,
                None => self.unreadable(Some(leaf), self.too_short())?,
            }
            self.grow(leaf)?;
        }
        match entries.next() {
            Some(_) => self.unreadable(None, self.malformed(bundle)),
            None => Ok(()),
        }
    }

    /// Goes on over leaves whose entries are not there.
    fn pass(&mut self, tile: TilePath) -> Result<(), LogFault> {
        for leaf in self.hashes(tile)?.ok_or(LogFault::HashTile { path: tile })? {
            self.prefix.see(self.leaves.size(), None);
            self.grow(leaf)?;
        }
        Ok(())
    }

    /// Compares the next entry with its leaf.
    fn see(&mut self, leaf: Hash, entry: Hash) {
        let index = self.leaves.size();
        match &mut self.suspicion {
            Some(Suspicion { suspect, entries }) => {
                suspect.watch(index, leaf, Some(entry));
                if let Some(tree) = entries {
                    tree.append(entry);
                }
            }
            None if entry == leaf => {}
            None => {
                let mut tree = self.leaves.clone();
                tree.append(entry);
                self.suspicion = Some(Suspicion { suspect: Suspect::new(index, leaf, entry), entries: Some(tree) });
            }
        }
    }

    /// There is no entry to a leaf, or no leaf to what follows: a fault, unless a suspect before it explains more.
    fn unreadable(&mut self, leaf: Option<Hash>, fault: LogFault) -> Result<(), LogFault> {
        let Some(Suspicion { suspect, entries }) = &mut self.suspicion else {
            return Err(fault);
        };
        *entries = None;
        if let Some(leaf) = leaf {
            suspect.watch(self.leaves.size(), leaf, None);
        }
        Ok(())
    }

    fn malformed(&self, bundle: TilePath) -> LogFault {
        LogFault::Bundle { path: bundle, index: self.leaves.size() }
    }

    /// The bundle ends before the next entry: the whole log, if no other bundle follows.
    fn too_short(&self) -> LogFault {
        let index = self.leaves.size();
        let signed = self.head.size;
        if index / TILE_WIDTH < signed.saturating_sub(1) / TILE_WIDTH {
            LogFault::Missing { index }
        } else {
            LogFault::Truncated { have: index, signed }
        }
    }

    /// Adds a leaf hash to the tree and compares the tiles it completes above level 0.
    fn grow(&mut self, leaf: Hash) -> Result<(), LogFault> {
        self.leaves.append(leaf);
        if self.known.is_some_and(|known| known.size == self.leaves.size()) {
            self.root_at_known_size = Some(self.leaves.root());
        }
        for tile in self.edge.push(leaf) {
            self.check_upper(&tile)?;
        }
        Ok(())
    }

    fn check_upper(&mut self, computed: &HashTile) -> Result<(), LogFault> {
        let tile = computed.path;
        let TileKind::Hashes { level: level @ 1.. } = tile.kind() else {
            return Ok(());
        };
        let stored = self.hashes(tile)?;
        if self.misfit.is_some() || stored.as_ref() == Some(&computed.hashes) {
            return Ok(());
        }
        let differing = stored.and_then(|stored| computed.hashes.iter().zip(&stored).position(|(a, b)| a != b));
        let span = differing.map(|position| {
            let subtree = 1 << (8 * level);
            let from = (tile.index() * TILE_WIDTH + position as u64) * subtree;
            (from, from + subtree)
        });
        self.misfit = Some(Misfit { tile, span });
        Ok(())
    }

    /// Everything was read: what does it add up to? The minimum index and how many files there were.
    fn conclude(mut self) -> Result<(u64, u64), LogFault> {
        for tile in std::mem::take(&mut self.edge).into_partial() {
            self.check_upper(&tile)?;
        }
        let signed = |tree: &Frontier| tree.root() == self.head.root;
        let leaves_are_signed = signed(&self.leaves);
        let span = self.misfit.as_ref().and_then(|misfit| misfit.span);
        if let Some(Suspicion { suspect, entries }) = &self.suspicion {
            if leaves_are_signed {
                return Err(suspect.verdict());
            }
            // The leaves are at fault: where the tile above says, unless the entries show it exactly.
            let entries_are_signed = entries.as_ref().is_some_and(signed);
            let at = span.filter(|_| !entries_are_signed).map_or(suspect.index(), |(from, _)| from);
            return Err(self.fault_at_tile_of(at));
        }
        if !leaves_are_signed {
            let (from, to) = span.unwrap_or((0, self.head.size));
            return Err(LogFault::Root { from, to });
        }
        if let Some(Misfit { tile, .. }) = self.misfit {
            return Err(LogFault::HashTile { path: tile });
        }
        if let (Some(known), Some(root)) = (self.known, self.root_at_known_size) {
            NotAnExtension::by_root(root, known)
                .map_err(|fault| LogFault::NotAnExtension(fault.between(self.head, known)))?;
        }
        let minimum_index = self.prefix.minimum_index().map_err(|index| LogFault::Missing { index })?;
        Ok((minimum_index, self.files))
    }

    /// The level 0 tile with the hash of this entry is at fault.
    fn fault_at_tile_of(&self, index: u64) -> LogFault {
        let (from, to) = (0, self.head.size);
        TilePath::at(LEAVES, index / TILE_WIDTH, to)
            .map_or(LogFault::Root { from, to }, |path| LogFault::HashTile { path })
    }

    /// Tells why a bundle is not there, from the bundles that are. `Err` is a failure to read those.
    fn why_absent(&mut self, bundle: TilePath) -> Result<LogFault, LogFault> {
        let signed = self.head.size;
        let start = bundle.index() * TILE_WIDTH;
        let known = self.first_bundle.filter(|first| *first > bundle.index());
        for later in (bundle.index() + 1..).map_while(|index| TilePath::at(TileKind::Entries, index, signed)) {
            if known.is_some() || read(self.source, &later.to_string())?.is_some() {
                self.first_bundle = known.or(Some(later.index()));
                return Ok(LogFault::Missing { index: start });
            }
        }
        // The same bundle as it was, or will be, at another size of the log.
        let widths = (1..=TILE_WIDTH).rev().filter(|width| *width != bundle.width());
        for have in widths.map(|width| start + width) {
            let Some(other) = TilePath::at(TileKind::Entries, bundle.index(), have) else {
                continue;
            };
            if self.read(other)?.is_some() {
                let cut = have < signed;
                return Ok(if cut {
                    LogFault::Truncated { have, signed }
                } else {
                    LogFault::StaleHead { have, signed }
                });
            }
        }
        Ok(LogFault::Truncated { have: start, signed })
    }

    fn read(&mut self, path: TilePath) -> Result<Option<Vec<u8>>, LogFault> {
        let bytes = read(self.source, &path.to_string())?;
        self.files += u64::from(bytes.is_some());
        Ok(bytes)
    }

    /// The hashes of a tile, `None` if it is missing or not as long as it has to be.
    fn hashes(&mut self, path: TilePath) -> Result<Option<Vec<Hash>>, LogFault> {
        let Some(bytes) = self.read(path)? else {
            return Ok(None);
        };
        let (hashes, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        let whole = rest.is_empty() && hashes.len() as u64 == path.width();
        Ok(whole.then(|| hashes.iter().copied().map(Hash::from_bytes).collect()))
    }
}
