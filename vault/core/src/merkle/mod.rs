//! The Merkle tree of RFC 6962 (and RFC 9162) with SHA-256: hashes, roots, proofs.
//! What the leaves mean, and where hashes are stored, is not known here.

mod frontier;
mod hash;
mod prove;
mod verify;

pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashTextError, leaf_hash, node_hash};
pub use prove::{HashSource, ProveError, consistency_proof, inclusion_proof, root_at};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

/// The root of a tree with these leaf hashes, in constant memory.
pub fn root_of(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(leaf);
    }
    frontier.root()
}

#[cfg(test)]
mod tests;
