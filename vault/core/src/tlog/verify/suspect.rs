//! The first entry that does not hash to its leaf: changed, missing, inserted or reordered?
//! The entries and leaves after it tell, without a second pass.

use super::fault::LogFault;
use crate::merkle::Hash;

/// The first entry that does not hash to its leaf, and what was seen after it.
pub(super) struct Suspect {
    index: u64,
    logged: Hash,
    found: Hash,
    /// The leaf that the entry found here belongs to, unless the entry stands there as well.
    belongs_to: Option<u64>,
    /// The entry that belongs here stands further on.
    stands_later: bool,
}

impl Suspect {
    /// At `index`, the leaf is `logged` and the entry hashes to `found`.
    pub(super) fn new(index: u64, logged: Hash, found: Hash) -> Self {
        Self { index, logged, found, belongs_to: None, stands_later: false }
    }

    /// Looks at a later leaf and its entry, if one can be read.
    pub(super) fn watch(&mut self, index: u64, logged: Hash, found: Option<Hash>) {
        // An entry that hashes to its leaf is in its own place, and nothing is to be learnt from it.
        if found == Some(logged) {
            return;
        }
        if logged == self.found {
            self.belongs_to.get_or_insert(index);
        }
        self.stands_later |= found == Some(self.logged);
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn verdict(&self) -> LogFault {
        let index = self.index;
        match (self.belongs_to, self.stands_later) {
            (None, false) => LogFault::Changed { index },
            (None, true) => LogFault::Inserted { index },
            (Some(_), false) => LogFault::Missing { index },
            (Some(found_index), true) => LogFault::Reordered { index, found_index },
        }
    }
}
