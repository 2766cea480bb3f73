//! The data epoch that is written under, and who still writes under a former one: a document whose upload began before a rotation
//! may be committed after it.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use coffre_core::keyset::Epochs;

/// A data epoch, held by whoever writes something under it.
#[derive(Debug)]
pub(crate) struct Epoch(u32);

impl Epoch {
    pub(crate) const fn number(&self) -> u32 {
        self.0
    }
}

/// The epoch in use.
#[derive(Debug)]
pub(crate) struct EpochInUse {
    current: RwLock<Arc<Epoch>>,
    former: Mutex<Vec<Weak<Epoch>>>,
}

impl Default for EpochInUse {
    fn default() -> Self {
        Self { current: RwLock::new(Arc::new(Epoch(Epochs::FIRST))), former: Mutex::default() }
    }
}

impl EpochInUse {
    /// The epoch, to be held while something is written under it.
    pub(crate) fn current(&self) -> Arc<Epoch> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn number(&self) -> u32 {
        self.current().number()
    }

    /// What is begun from here on is of this epoch.
    pub(crate) fn begin(&self, epoch: u32) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.number() != epoch {
            let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
            former.push(Arc::downgrade(&current));
            *current = Arc::new(Epoch(epoch));
        }
    }

    /// Whether something is still being written under an epoch before the current one.
    pub(crate) fn is_former_in_use(&self) -> bool {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|epoch| epoch.strong_count() > 0);
        !former.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_epoch_is_in_use_until_its_last_holder_lets_go() {
        let in_use = EpochInUse::default();
        let (first, same) = (in_use.current(), in_use.current());
        in_use.begin(1);
        assert!(!in_use.is_former_in_use(), "nothing changed");
        in_use.begin(2);
        assert_eq!((in_use.number(), first.number()), (2, 1));
        drop(first);
        assert!(in_use.is_former_in_use());
        drop(same);
        assert!(!in_use.is_former_in_use());
    }
}
