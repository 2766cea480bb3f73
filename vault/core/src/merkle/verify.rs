//! Checking proofs, as RFC 9162 describes it (sections 2.1.3.2 and 2.1.4.2). Nothing is read from anywhere.

use super::hash::{Hash, node_hash};

/// Why a proof does not prove what it is said to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf lies beyond the tree.
    #[error("the proof is for leaf {index} of a tree of {size}; take index and size from one head")]
    NoSuchLeaf {
        /// The leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The tree said to be newer is smaller.
    #[error("a tree of {new} leaves cannot extend one of {old}; the log was cut, keep both heads as evidence")]
    Shrinking {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer one.
        new: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("the proof has {length} hashes, which does not fit its sizes; ask for the proof again")]
    Length {
        /// How many hashes it has.
        length: usize,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to another root than the signed one; the entry or the log was changed")]
    Root,
}

/// Checks that a leaf hash is at an index of the tree with this size and root.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let mut climb = Climb { node: index, last: size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        hash = match climb.step(proof)? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    climb.at_root(proof)?;
    if hash == root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree `new` extends the tree `old`, each given as size and root.
pub fn verify_consistency(
    (old_size, old_root): (u64, Hash),
    (new_size, new_root): (u64, Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrinking { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        let empty_is_empty = old_size > 0 || old_root == Hash::empty_root();
        let same_is_same = old_size < new_size || old_root == new_root;
        return match (proof.is_empty(), empty_is_empty && same_is_same) {
            (false, _) => Err(ProofError::Length { length: proof.len() }),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    // A complete old tree is itself the first hash, and therefore not in the proof.
    let (first, siblings) = if old_size.is_power_of_two() {
        (&old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length { length: 0 })?
    };
    let mut climb = Climb { node: old_size - 1, last: new_size - 1 };
    climb.up(climb.node.trailing_ones());
    let (mut old, mut new) = (*first, *first);
    for sibling in siblings {
        match climb.step(proof)? {
            Side::Left => {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
            }
            Side::Right => new = node_hash(&new, sibling),
        }
    }
    climb.at_root(proof)?;
    if old == old_root && new == new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The way up from a node, beside the way up from the last node of the tree.
struct Climb {
    node: u64,
    last: u64,
}

/// Where the sibling stands.
enum Side {
    Left,
    Right,
}

impl Climb {
    fn up(&mut self, levels: u32) {
        self.node = self.node.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    /// Goes to the parent that the next sibling makes; levels where the right edge has no sibling are skipped.
    fn step(&mut self, proof: &[Hash]) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length { length: proof.len() });
        }
        let side = if self.node & 1 == 1 {
            Side::Left
        } else if self.node == self.last {
            self.up(self.node.trailing_zeros());
            Side::Left
        } else {
            Side::Right
        };
        self.up(1);
        Ok(side)
    }

    fn at_root(&self, proof: &[Hash]) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::Length { length: proof.len() }) }
    }
}
