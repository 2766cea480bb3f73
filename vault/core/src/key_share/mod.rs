//! Shares of the recovery identity: it is split so that any `m` of `n` holders open the backups together, and fewer
//! know nothing (Shamir 1979, over GF(2⁸), each byte by itself). What a share looks like on paper is in `code` and `page`,
//! how shares come together again in `quorum`. Which files and terminals they come from is not here.
//!
//! A share says of which vault and of which splitting it is, so that one of another vault, or of an earlier splitting, is
//! refused by name and not by a secret that opens nothing.

mod code;
mod page;
mod quorum;
mod split;

use sha2::{Digest as _, Sha256};

use crate::crypto::SecretKey;
use crate::note::VerificationKey;

pub use code::{CodeError, GROUP, GROUPS, LINES, Line};
pub use page::{PageError, SharePage};
pub use quorum::{Accepted, Quorum, QuorumError};
pub use split::{SplitError, check_every_quorum, split};

/// The most holders there can be: each is a person who is called in a disaster.
pub const MOST: u8 = 16;

/// How many shares there are, and how many open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    threshold: u8,
    count: u8,
}

impl Parts {
    /// Any `threshold` of `count`: at least 2, so that nobody opens alone, and at most [`MOST`].
    pub const fn new(threshold: u8, count: u8) -> Option<Self> {
        if threshold >= 2 && threshold <= count && count <= MOST { Some(Self { threshold, count }) } else { None }
    }

    /// How many shares open.
    pub const fn threshold(self) -> u8 {
        self.threshold
    }

    /// How many there are.
    pub const fn count(self) -> u8 {
        self.count
    }
}

/// Which vault a share is of: the beginning of a hash of the verification key, which names environment and vault.
/// It finds mistakes, and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultMark([u8; 4]);

impl VaultMark {
    /// The mark of the vault with this verification key.
    pub fn of(key: &VerificationKey) -> Self {
        let digest =
            Sha256::new().chain_update(b"coffre/v1/key-share-vault\n").chain_update(key.to_string()).finalize();
        Self(first(&digest))
    }
}

/// What every share of one splitting has in common, and which of them this one is: its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How many there are and how many open.
    pub parts: Parts,
    /// Which one this is, from 1.
    pub number: u8,
    /// The vault.
    pub vault: VaultMark,
    /// The splitting: random, so that shares of two splittings are never put together.
    pub splitting: [u8; 4],
}

impl Header {
    /// Whether both are of one splitting of one vault's identity.
    fn is_of_one_splitting_with(&self, other: &Self) -> bool {
        Self { number: other.number, ..*self } == *other
    }
}

/// One share. Below the threshold, shares tell nothing of what was split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShare {
    /// What it says of itself.
    pub header: Header,
    /// The point: a byte for each byte that was split.
    point: SecretKey,
}

/// The first bytes of a hash.
fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = *of_digest);
    bytes
}

#[cfg(test)]
mod tests;
