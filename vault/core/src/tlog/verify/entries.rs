//! Verification of stored entries, each beside its stored leaf hash: how a vault verifies its own log.

use super::super::head::TreeHead;
use super::fault::LogFault;
use super::pruned::Prefix;
use super::suspect::Suspect;
use crate::merkle::{Frontier, Hash, leaf_hash};

/// An entry as it is stored.
#[derive(Debug, Clone)]
pub struct StoredEntry<L> {
    /// The index it is stored under.
    pub index: u64,
    /// The leaf: the bytes that were logged. `None` if it was pruned.
    pub leaf: Option<L>,
    /// The leaf hash stored with it.
    pub hash: Hash,
}

/// A log in which nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntriesReport {
    /// The edge of the tree over all entries: what the next entry is appended to.
    pub frontier: Frontier,
    /// The index of the first entry that was not pruned.
    pub minimum_index: u64,
    /// How many of the entries no head has signed yet, at the end.
    pub unsigned: u64,
}

/// Verifies entries, which come in the order of their index, against tree heads.
///
/// The heads, in any order, are those of the vault and those known from elsewhere, of generations before it too; the
/// caller has verified their signatures. The log must have been every one of them; the more there are, the closer a fault
/// can be named.
pub fn verify_entries<L, E>(
    entries: impl IntoIterator<Item = Result<StoredEntry<L>, E>>,
    heads: &[TreeHead],
) -> Result<EntriesReport, LogFault>
where
    L: AsRef<[u8]>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut heads: Vec<&TreeHead> = heads.iter().collect();
    heads.sort_by_key(|head| head.size);
    let signed = heads.last().map_or(0, |newest| newest.size);
    let mut walk = Walk {
        tree: Frontier::new(),
        heads: heads.into_iter().peekable(),
        agreed: 0,
        prefix: Prefix::default(),
        suspect: None,
    };
    walk.check_heads()?;
    for entry in entries {
        let entry = entry.map_err(|source| LogFault::Read {
            what: format!("entry {}", walk.tree.size()),
            source: Box::new(source),
        })?;
        walk.visit(&entry)?;
    }
    walk.conclude(signed)
}

/// One pass over the entries.
struct Walk<'a, I: Iterator<Item = &'a TreeHead>> {
    /// The tree over the stored leaf hashes.
    tree: Frontier,
    /// The heads that are still to come, by size.
    heads: std::iter::Peekable<I>,
    /// The size of the last head that the tree agreed with.
    agreed: u64,
    prefix: Prefix,
    suspect: Option<Suspect>,
}

impl<'a, I: Iterator<Item = &'a TreeHead>> Walk<'a, I> {
    fn visit<L: AsRef<[u8]>>(&mut self, entry: &StoredEntry<L>) -> Result<(), LogFault> {
        let index = self.tree.size();
        if let Some(fault) = out_of_place(index, entry.index) {
            return Err(self.suspect.as_ref().map_or(fault, Suspect::verdict));
        }
        self.prefix.see(index, entry.leaf.as_ref().map(AsRef::as_ref));
        let found = entry.leaf.as_ref().map(|leaf| leaf_hash(leaf.as_ref()));
        match (&mut self.suspect, found) {
            (Some(suspect), found) => suspect.watch(index, entry.hash, found),
            (None, Some(found)) if found != entry.hash => {
                self.suspect = Some(Suspect::new(index, entry.hash, found));
            }
            (None, _) => {}
        }
        self.tree.append(entry.hash);
        self.check_heads()
    }

    /// Compares the tree with the heads of its present size.
    fn check_heads(&mut self) -> Result<(), LogFault> {
        let size = self.tree.size();
        while let Some(head) = self.heads.next_if(|head| head.size == size) {
            if head.root != self.tree.root() {
                let fault = LogFault::Root { from: self.agreed, to: size };
                return Err(self.suspect.as_ref().map_or(fault, Suspect::verdict));
            }
            self.agreed = size;
        }
        Ok(())
    }

    fn conclude(self, signed: u64) -> Result<EntriesReport, LogFault> {
        if let Some(suspect) = self.suspect {
            return Err(suspect.verdict());
        }
        let have = self.tree.size();
        let Some(unsigned) = have.checked_sub(signed) else {
            return Err(LogFault::Truncated { have, signed });
        };
        let minimum_index = self.prefix.minimum_index().map_err(|index| LogFault::Missing { index })?;
        Ok(EntriesReport { frontier: self.tree, minimum_index, unsigned })
    }
}

/// An entry stored under another index than the one that is next.
fn out_of_place(next: u64, stored: u64) -> Option<LogFault> {
    match stored.cmp(&next) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(LogFault::Missing { index: next }),
        std::cmp::Ordering::Less => Some(LogFault::Reordered { index: next, found_index: stored }),
    }
}
