//! Whether entries that are not there were pruned: they are the first ones, and an entry that is there says so.

use crate::audit;

/// Which entries are not there, gathered while a log is read from its beginning.
#[derive(Default)]
pub(super) struct Prefix {
    /// So many are not there, from the first on.
    absent: u64,
    /// The first one that is not there behind one that is.
    hole: Option<u64>,
    /// What entries say of a pruning: the highest minimum index.
    allowed: u64,
}

impl Prefix {
    /// Takes in the entry of the next index, or that there is none.
    pub(super) fn see(&mut self, index: u64, leaf: Option<&[u8]>) {
        match leaf {
            Some(leaf) => self.allowed = self.allowed.max(audit::minimum_index(leaf).unwrap_or(0)),
            None if index == self.absent => self.absent += 1,
            None => self.hole = self.hole.or(Some(index)),
        }
    }

    /// Whether nothing is there so far.
    pub(super) fn is_all(&self, size: u64) -> bool {
        self.absent == size
    }

    /// The index of the first entry that was not pruned; `Err` is the first one that is missing otherwise.
    pub(super) fn minimum_index(&self) -> Result<u64, u64> {
        match self.hole {
            _ if self.absent > self.allowed => Err(self.allowed),
            Some(hole) => Err(hole),
            None => Ok(self.absent),
        }
    }
}
