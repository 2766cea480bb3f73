//! Making roots and proofs from stored hashes. Checking them is in `verify`.

use super::hash::{Hash, node_hash};

/// Where the hashes of a tree are stored.
pub trait HashSource {
    /// Why a hash could not be read.
    type Error;

    /// The hash of one leaf.
    fn leaf(&self, index: u64) -> Result<Hash, Self::Error>;

    /// The root of the complete subtree over the leaves `index * 2^level` up to (not including) `(index + 1) * 2^level`.
    ///
    /// Computed from the leaves unless the source stores inner nodes and says so.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        match level.checked_sub(1) {
            None => self.leaf(index),
            Some(below) => {
                let left = self.node(below, index * 2)?;
                let right = self.node(below, index * 2 + 1)?;
                Ok(node_hash(&left, &right))
            }
        }
    }
}

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProveError<E> {
    /// No such leaf in a tree of this size.
    #[error("a tree of {size} leaves has no leaf {index}; ask for one below {size}")]
    NoSuchLeaf {
        /// The leaf that was asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A tree does not shrink.
    #[error("a tree of {new} leaves cannot extend one of {old}; ask with the smaller size first")]
    Shrinking {
        /// The size said to be older.
        old: u64,
        /// The size said to be newer.
        new: u64,
    },
    /// The hashes could not be read.
    #[error("a hash of the tree could not be read; the cause follows")]
    Source(#[source] E),
}

/// The root of the tree of the first `size` leaves.
pub fn root_at<S: HashSource>(size: u64, source: &S) -> Result<Hash, S::Error> {
    match size {
        0 => Ok(Hash::empty_root()),
        _ => range(source, 0, size),
    }
}

/// Proves that a leaf is in the tree: the sibling hashes from the leaf up to the root (RFC 6962, section 2.1.1).
pub fn inclusion_proof<S: HashSource>(index: u64, size: u64, source: &S) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if index >= size {
        return Err(ProveError::NoSuchLeaf { index, size });
    }
    let (mut begin, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        let sibling = if index < middle {
            range(source, middle, std::mem::replace(&mut end, middle))
        } else {
            range(source, std::mem::replace(&mut begin, middle), middle)
        };
        proof.push(sibling.map_err(ProveError::Source)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Proves that the tree of `new` leaves extends the tree of its first `old` leaves (RFC 6962, section 2.1.2).
pub fn consistency_proof<S: HashSource>(old: u64, new: u64, source: &S) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if old > new {
        return Err(ProveError::Shrinking { old, new });
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut begin, mut end) = (0, new);
    while end != old {
        let middle = begin + split(end - begin);
        let sibling = if old <= middle {
            range(source, middle, std::mem::replace(&mut end, middle))
        } else {
            range(source, std::mem::replace(&mut begin, middle), middle)
        };
        proof.push(sibling.map_err(ProveError::Source)?);
    }
    // The verifier knows the whole old tree by its root, but not its last part alone.
    if begin > 0 {
        proof.push(range(source, begin, end).map_err(ProveError::Source)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root of the leaves from `begin` up to `end`, where `begin` is where an RFC 6962 split put it.
fn range<S: HashSource>(source: &S, begin: u64, end: u64) -> Result<Hash, S::Error> {
    let width = end - begin;
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return source.node(level, begin >> level);
    }
    let middle = begin + split(width);
    let left = range(source, begin, middle)?;
    let right = range(source, middle, end)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two below the width, which is at least 2.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}
