//! Entry bundles: up to 256 entries, each behind its length in two bytes, big-endian.

/// A bundle of these entries; `None` if one is longer than a bundle can say.
pub fn entry_bundle<L: AsRef<[u8]>>(entries: impl IntoIterator<Item = L>) -> Option<Vec<u8>> {
    let mut bundle = Vec::new();
    entries.into_iter().all(|entry| append_entry(&mut bundle, entry.as_ref())).then_some(bundle)
}

/// Appends one entry; `false`, and nothing appended, if it is longer than the length can say.
#[must_use]
pub(super) fn append_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The entries of a bundle in order. `Err` once, at the end, if the last length runs past the bytes.
pub(super) struct BundleEntries<'a> {
    rest: &'a [u8],
}

/// A length, or the entry after it, is cut short.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut;

impl<'a> BundleEntries<'a> {
    pub(super) fn new(bundle: &'a [u8]) -> Self {
        Self { rest: bundle }
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        self.rest = rest;
        Some(entry)
    }
}

impl<'a> Iterator for BundleEntries<'a> {
    type Item = Result<&'a [u8], Cut>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.take().ok_or(Cut);
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_those_of_the_specification() {
        let mut bundle = Vec::new();
        assert!(append_entry(&mut bundle, b"ab"));
        assert!(append_entry(&mut bundle, b""));
        assert_eq!(bundle, b"\0\x02ab\0\0");
        assert!(append_entry(&mut bundle, &vec![0; 65_535]));
        assert!(!append_entry(&mut bundle, &vec![0; 65_536]));
        assert_eq!(bundle.len(), 6 + 2 + 65_535);
        assert_eq!(entry_bundle(["ab", ""]).as_deref(), Some(&b"\0\x02ab\0\0"[..]));
        assert_eq!(entry_bundle([vec![0; 65_536]]), None);
    }

    #[test]
    fn a_cut_bundle_ends_in_an_error() {
        let entries = |bytes| BundleEntries::new(bytes).collect::<Vec<_>>();
        assert_eq!(entries(b""), []);
        assert_eq!(entries(b"\0"), [Err(Cut)]);
        assert_eq!(entries(b"\0\x01"), [Err(Cut)]);
        assert_eq!(entries(b"\0\x01a\0\x02b"), [Ok(&b"a"[..]), Err(Cut)]);
    }

    proptest! {
        #[test]
        fn entries_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20)) {
            let mut bundle = Vec::new();
            for entry in &entries {
                prop_assert!(append_entry(&mut bundle, entry));
            }
            let read: Vec<_> = BundleEntries::new(&bundle).map(|e| e.map(<[u8]>::to_vec)).collect();
            prop_assert_eq!(read, entries.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }
}
