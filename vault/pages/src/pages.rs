//! What each page of one database file should be.

use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

/// The size of a page: SQLCipher's own.
pub const PAGE: usize = 4096;

/// The first 16 bytes of a page's SHA-256. Nobody who lacks the database's key can make a page that SQLCipher takes, so
/// what is to be told apart are the pages that a database once had.
pub type Digest = [u8; 16];

/// The digest of a page as it stands in the file.
pub fn digest(page: &[u8]) -> Digest {
    let mut digest = [0; 16];
    digest.copy_from_slice(Sha256::digest(page).split_at(16).0);
    digest
}

/// The digests of all pages of a database file; shared by every connection to it.
#[derive(Debug, Default)]
pub struct Pages(RwLock<Vec<Digest>>);

impl Pages {
    /// Of a file with these pages, from the first on.
    pub fn new(digests: Vec<Digest>) -> Self {
        Self(RwLock::new(digests))
    }

    /// Whether this is the page of that number, counted from zero.
    pub fn holds(&self, number: usize, page: &[u8]) -> bool {
        let right = self.0.read().unwrap_or_else(PoisonError::into_inner).get(number).copied();
        right == Some(digest(page))
    }

    /// Whether the file has a page of that number.
    pub fn has(&self, number: usize) -> bool {
        number < self.count()
    }

    /// How many pages the file has.
    pub fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// From now on the file has so many pages, and these, by their numbers from zero, are others. Nobody may be reading the file.
    pub fn change(&self, count: usize, changed: impl IntoIterator<Item = (usize, Digest)>) {
        let mut digests = self.0.write().unwrap_or_else(PoisonError::into_inner);
        digests.resize(count, Digest::default());
        for (number, digest) in changed {
            if let Some(slot) = digests.get_mut(number) {
                *slot = digest;
            }
        }
    }

    /// All digests, from the first page on.
    pub fn all(&self) -> Vec<Digest> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_number_and_its_bytes() {
        let (first, second) = ([1; PAGE], [2; PAGE]);
        let pages = Pages::new(vec![digest(&first), digest(&second)]);
        assert!(pages.holds(0, &first) && pages.holds(1, &second));
        assert!(!pages.holds(1, &first) && !pages.holds(2, &second), "another place");
        pages.change(3, [(1, digest(&first)), (7, digest(&first))]);
        assert!(pages.holds(0, &first) && pages.holds(1, &first) && !pages.holds(1, &second));
        assert!(pages.has(2) && !pages.holds(2, &first), "a page that nobody has said anything of");
        pages.change(1, []);
        assert!(pages.holds(0, &first) && !pages.has(1));
    }
}
