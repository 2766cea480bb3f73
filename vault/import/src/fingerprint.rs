//! A fingerprint of a set of records and documents that does not depend on their order: the sum of
//! SHA-256 hashes modulo 2^256. Equal fingerprints and counts on both sides of an import show that
//! what was brought is what was to be brought. Pure.
//!
//! It finds what gets lost, doubled or altered; it is no seal against somebody who chooses the
//! records to make two sums meet (for that there is the audit log).

use std::fmt;

use coffre_core::canonical::{self, CanonicalError};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::plan::Comparable;

/// A fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint([u64; 4]);

impl Fingerprint {
    /// Adds an element: order does not matter, number of times does.
    fn add(&mut self, element: &[u8]) {
        let hash = Sha256::digest(element);
        let mut carry = 0_u128;
        // Least significant word first; of the hash, that is its end.
        for (word, bytes) in self.0.iter_mut().zip(hash.rchunks(8)) {
            let addend = bytes.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
            let sum = u128::from(*word) + u128::from(addend) + carry;
            #[expect(clippy::cast_possible_truncation, reason = "the low half is the word, the high half the carry")]
            let low = sum as u64;
            *word = low;
            carry = sum >> 64;
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many records and documents one side has, and their fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Documents.
    pub documents: u64,
    /// Of all of them.
    pub fingerprint: Fingerprint,
}

#[derive(Serialize)]
struct RecordElement<'a> {
    document_fields: &'a std::collections::BTreeMap<coffre_core::record::FieldPath, String>,
    fields: &'a coffre_core::record::Fields,
    key: &'a str,
}

#[derive(Serialize)]
struct DocumentElement<'a> {
    document: &'a str,
    key: &'a str,
    sha256: &'a str,
}

impl Tally {
    /// Adds a record and its documents.
    pub fn add(&mut self, key: &str, record: &Comparable) -> Result<(), CanonicalError> {
        let (fields, document_fields) = (&record.fields, &record.document_fields);
        self.fingerprint.add(&canonical::to_vec(&RecordElement { document_fields, fields, key })?);
        self.records += 1;
        for (document, sha256) in &record.documents {
            self.fingerprint.add(&canonical::to_vec(&DocumentElement { document, key, sha256 })?);
            self.documents += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn sum(elements: &[Vec<u8>]) -> Fingerprint {
        let mut sum = Fingerprint::default();
        for element in elements {
            sum.add(element);
        }
        sum
    }

    fn record(email: &str) -> Comparable {
        let mut record = Comparable::default();
        record.fields.0.insert("contact.email".parse().unwrap(), email.into());
        record.documents.push(("C1.pdf".to_owned(), "ab".repeat(32)));
        record
    }

    #[test]
    fn one_element_is_its_hash() {
        // SHA-256 of "abc", FIPS 180-2.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sum(&[b"abc".to_vec()]).to_string(), expected);
        assert_eq!(Fingerprint::default().to_string(), "0".repeat(64));
    }

    #[test]
    fn the_carry_goes_through_every_word() {
        let mut low = Fingerprint([u64::MAX, u64::MAX, u64::MAX, 0]);
        low.add(b"abc");
        let mut expected = sum(&[b"abc".to_vec()]);
        expected.0[3] += 1;
        expected.0[0] -= 1;
        assert_eq!(low, expected);
    }

    #[test]
    fn the_form_of_the_elements_is_stable() {
        let mut tally = Tally::default();
        tally.add("00000001", &record("a@example.fr")).unwrap();
        assert_eq!((tally.records, tally.documents), (1, 1));
        let record = br#"{"document_fields":{},"fields":{"contact.email":"a@example.fr"},"key":"00000001"}"#;
        let document = format!(r#"{{"document":"C1.pdf","key":"00000001","sha256":"{}"}}"#, "ab".repeat(32));
        assert_eq!(tally.fingerprint, sum(&[record.to_vec(), document.into_bytes()]));
    }

    #[test]
    fn any_difference_shows() {
        let of = |key: &str, record: &Comparable| {
            let mut tally = Tally::default();
            tally.add(key, record).unwrap();
            tally
        };
        let whole = of("1", &record("a@example.fr"));
        assert_ne!(whole, of("2", &record("a@example.fr")));
        assert_ne!(whole, of("1", &record("b@example.fr")));
        let mut without = record("a@example.fr");
        without.documents.clear();
        assert_ne!(whole.fingerprint, of("1", &without).fingerprint);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_number_does(mut elements: Vec<Vec<u8>>, extra: Vec<u8>) {
            let forward = sum(&elements);
            elements.reverse();
            prop_assert_eq!(forward, sum(&elements));
            elements.push(extra);
            prop_assert_ne!(forward, sum(&elements));
        }
    }
}
