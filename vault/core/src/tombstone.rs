//! What stays in the place of an erased data subject's key: the fact, signed (C2SP signed-note). It travels with
//! the keyring, whose newest state opens every older point, so that no restore brings the subject back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use crate::ids::SubjectId;
use crate::note::{NoteError, SignedNote, SigningKey, VerificationKey};
use crate::record::RecordTypeName;
use crate::time::Timestamp;

const FIRST_LINE: &str = "coffre tombstone v1";

/// That a data subject was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The type of its record.
    pub record_type: RecordTypeName,
    /// The data subject.
    pub subject: SubjectId,
    /// When it was erased.
    pub erased_at: Timestamp,
    /// Keyed hashes of the values that no import may bring back.
    pub terms: Vec<[u8; 16]>,
}

/// A tombstone that is not to be believed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum TombstoneError {
    /// It is not signed by the vault.
    #[error("the tombstone is not signed by this vault")]
    Note(#[from] NoteError),
    /// Its text is not a tombstone's.
    #[error("line {line} of the tombstone is not in its format")]
    Line {
        /// Which line, from 1.
        line: usize,
    },
}

impl Tombstone {
    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> Result<String, NoteError> {
        Ok(SignedNote::sign(self.to_text(), key)?.to_string())
    }

    /// Reads a signed note: the signature first, then the text.
    pub fn open(note: &str, key: &VerificationKey) -> Result<Self, TombstoneError> {
        Self::from_text(SignedNote::parse(note.as_bytes())?.verify(key)?)
    }

    fn to_text(&self) -> String {
        let Self { record_type, subject, erased_at, terms } = self;
        let head = format!("{FIRST_LINE}\n{record_type}\n{subject}\n{erased_at}\n");
        terms.iter().fold(head, |text, term| format!("{text}{}\n", BASE64.encode(term)))
    }

    fn from_text(text: &str) -> Result<Self, TombstoneError> {
        let mut lines = text.lines();
        let wrong = |line| TombstoneError::Line { line };
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong(1));
        }
        let mut next = |line| lines.next().ok_or_else(|| wrong(line));
        let record_type = next(2)?.parse().map_err(|_| wrong(2))?;
        let subject = next(3)?.parse().map_err(|_| wrong(3))?;
        let erased_at = next(4)?.parse().map_err(|_| wrong(4))?;
        let term = |(line, text): (usize, &str)| {
            BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| wrong(line))
        };
        let terms = (5..).zip(lines).map(term).collect::<Result<_, _>>()?;
        Ok(Self { record_type, subject, erased_at, terms })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::note::KeyName;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new("coffre/test").unwrap(), &[seed; 32])
    }

    fn sample(terms: Vec<[u8; 16]>) -> Tombstone {
        let erased_at = "2026-11-22T12:00:00.000001Z".parse().unwrap();
        let subject = SubjectId::from_bytes([7; 16]);
        Tombstone { record_type: "policyholder".parse().unwrap(), subject, erased_at, terms }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let golden = "coffre tombstone v1\npolicyholder\n07070707-0707-0707-0707-070707070707\n\
                      2026-11-22T12:00:00.000001Z\nAQEBAQEBAQEBAQEBAQEBAQ==\nAgICAgICAgICAgICAgICAg==\n\n\u{2014} coffre/test ";
        let tombstone = sample(vec![[1; 16], [2; 16]]);
        let note = tombstone.sign(&key(1)).unwrap();
        assert!(note.starts_with(golden), "{note}");
        assert_eq!(Tombstone::open(&note, &key(1).verification_key()), Ok(tombstone));
    }

    #[test]
    fn one_without_terms_comes_back() {
        let tombstone = sample(Vec::new());
        let note = tombstone.sign(&key(1)).unwrap();
        assert_eq!(Tombstone::open(&note, &key(1).verification_key()), Ok(tombstone));
    }

    #[test]
    fn what_another_signed_or_what_is_no_tombstone_is_refused() {
        let note = sample(Vec::new()).sign(&key(2)).unwrap();
        assert!(matches!(Tombstone::open(&note, &key(1).verification_key()), Err(TombstoneError::Note(_))));
        let of = |text: &str| {
            let note = SignedNote::sign(text.to_owned(), &key(1)).unwrap().to_string();
            Tombstone::open(&note, &key(1).verification_key())
        };
        let sound = sample(Vec::new()).to_text();
        assert!(of(&sound).is_ok());
        for (text, line) in [
            (sound.replace("v1", "v2"), 1),
            (sound.replace("policyholder", "Policy Holder"), 2),
            (sound.replace("07070707-", "x-"), 3),
            (sound.replace("2026-11-22T", "yesterday"), 4),
            (format!("{sound}AQEB\n"), 5),
        ] {
            assert_eq!(of(&text), Err(TombstoneError::Line { line }), "{text}");
        }
    }
}
