//! What a writer keeps of the tree: the roots of the complete subtrees along its right edge.
//! It can append and tell the root, and cannot prove anything about former leaves.

use super::hash::{Hash, node_hash};

/// The right edge of a tree: enough to append to it and to compute its root, at most 63 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One complete subtree for each bit set in `size`, the largest (leftmost) first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// No tree here is larger: row ids and other implementations count in signed 64-bit integers.
    pub const MAX_SIZE: u64 = i64::MAX as u64;

    /// The edge of an empty tree.
    pub fn new() -> Self {
        Self { size: 0, peaks: Vec::with_capacity(63) }
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf hash at the right: one hash computation on average, no allocation.
    pub fn append(&mut self, leaf: Hash) {
        self.append_noting(leaf, u32::MAX);
    }

    /// The same; gives the root of the complete subtree of 2 to the power of `level` leaves that it completes, if it does.
    pub fn append_noting(&mut self, leaf: Hash, level: u32) -> Option<Hash> {
        let (mut node, mut noted) = (leaf, None);
        // Like a carry in binary addition: a complete subtree meets its equal and both become one.
        for reached in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
            if reached == level {
                noted = Some(node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
        noted
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
            None => Hash::empty_root(),
        }
    }

    /// The size (8 bytes, big-endian) and the hashes, the largest subtree first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for peak in &self.peaks {
            bytes.extend_from_slice(peak.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote. Wrong hashes of the right number cannot be noticed here:
    /// compare the root with one that is trusted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let malformed = FrontierError { length: bytes.len() };
        let Some((size, hashes)) = bytes.split_first_chunk::<8>() else {
            return Err(malformed);
        };
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<{ Hash::LENGTH }>();
        if size > Self::MAX_SIZE || !rest.is_empty() || hashes.len() as u64 != u64::from(size.count_ones()) {
            return Err(malformed);
        }
        let mut frontier = Self::new();
        frontier.size = size;
        frontier.peaks.extend(hashes.iter().copied().map(Hash::from_bytes));
        Ok(frontier)
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes are no frontier: their number does not fit the size they state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{length} bytes are not the edge of a Merkle tree; rebuild the edge from the leaf hashes of the log")]
pub struct FrontierError {
    /// How many bytes there were.
    pub length: usize,
}
