//! Tree heads: origin, size and root of a log at one moment, signed as a note (<https://c2sp.org/tlog-checkpoint>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::merkle::{Frontier, Hash};
use crate::note::{NoteError, SignedNote, SigningKey, VerificationKey};

/// What a log was at one moment. C2SP calls the signed form a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeHead {
    /// The identity of the log: a line of text, like a URL without its scheme.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Further lines, signed and otherwise without meaning here.
    pub extensions: Vec<String>,
}

/// Why a tree head could not be signed or believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeadError {
    /// The note is malformed or not signed by the key.
    #[error(transparent)]
    Note(NoteError),
    /// The text is no tree head.
    #[error("line {line} of the tree head is wrong ({reason}); take the file from another copy")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The head of another log.
    #[error(
        "the tree head is of the log {found}, not of {expected}; check that copy and configuration are of one vault and generation"
    )]
    Origin {
        /// The origin that was asked for.
        expected: String,
        /// The origin in the head.
        found: String,
    },
}

impl TreeHead {
    /// Signs the head.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedNote, HeadError> {
        SignedNote::sign(self.to_text()?, key).map_err(HeadError::Note)
    }

    /// Reads a signed head: the signature first, then the text, then the origin if one is expected.
    pub fn open(note: &[u8], key: &VerificationKey, expected_origin: Option<&str>) -> Result<Self, HeadError> {
        let note = SignedNote::parse(note).map_err(HeadError::Note)?;
        Self::of_note(&note, key, expected_origin)
    }

    /// The same for a note that is parsed already.
    pub fn of_note(note: &SignedNote, key: &VerificationKey, expected_origin: Option<&str>) -> Result<Self, HeadError> {
        let head = Self::from_text(note.verify(key).map_err(HeadError::Note)?)?;
        match expected_origin {
            Some(expected) if expected != head.origin => {
                Err(HeadError::Origin { expected: expected.to_owned(), found: head.origin })
            }
            _ => Ok(head),
        }
    }

    fn to_text(&self) -> Result<String, HeadError> {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root.as_bytes()));
        for extension in &self.extensions {
            text.push_str(extension);
            text.push('\n');
        }
        // Whatever would be read back differently (a newline in the origin, say) is not signed.
        match Self::from_text(&text)? {
            same if same == *self => Ok(text),
            _ => Err(HeadError::Line { line: 1, reason: "a newline inside an origin or extension" }),
        }
    }

    fn from_text(text: &str) -> Result<Self, HeadError> {
        let refuse = |line, reason| HeadError::Line { line, reason };
        let body = text.strip_suffix('\n').ok_or(refuse(1, "no newline at its end"))?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        let (origin, size, root) = (line(), line(), line());
        if origin.is_empty() {
            return Err(refuse(1, "the origin is empty"));
        }
        let size = parse_decimal(size)
            .filter(|size| *size <= Frontier::MAX_SIZE)
            .ok_or(refuse(2, "no decimal size without leading zeroes"))?;
        let root = parse_hash(root).ok_or(refuse(3, "no base64 of a 32-byte root"))?;
        if size == 0 && root != Hash::empty_root() {
            return Err(refuse(3, "not the root of an empty tree"));
        }
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if let Some(empty) = extensions.iter().position(String::is_empty) {
            return Err(refuse(4 + empty, "an extension line is empty"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }
}

/// A decimal number without sign, spaces or leading zeroes.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in padded base64 without stray bits.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.as_slice().try_into().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::note::KeyName;

    /// The example of the tlog-checkpoint specification.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn key() -> SigningKey {
        SigningKey::from_seed(KeyName::new("vault.example/test").unwrap(), &[1; 32])
    }

    #[test]
    fn reads_and_writes_the_example_of_the_specification() {
        let head = TreeHead::from_text(EXAMPLE).unwrap();
        assert_eq!(head.origin, "example.com/behind-the-sofa");
        assert_eq!(head.size, 20_852_163);
        assert!(head.extensions.is_empty());
        assert_eq!(head.to_text().unwrap(), EXAMPLE);
    }

    #[test]
    fn a_signed_head_opens_with_its_key_and_origin_only() {
        let mut head = TreeHead::from_text(EXAMPLE).unwrap();
        head.extensions = vec!["time 2026-11-22T15:32:00.000000Z".into(), "x".into()];
        let note = head.sign(&key()).unwrap().to_string();
        let open = |origin| TreeHead::open(note.as_bytes(), &key().verification_key(), origin);
        assert_eq!(open(None), Ok(head.clone()));
        assert_eq!(open(Some("example.com/behind-the-sofa")), Ok(head));
        insta::assert_snapshot!(
            open(Some("other")).unwrap_err(),
            @"the tree head is of the log example.com/behind-the-sofa, not of other; check that copy and configuration are of one vault and generation"
        );
        let stranger = SigningKey::from_seed(KeyName::new("stranger").unwrap(), &[2; 32]);
        insta::assert_snapshot!(
            TreeHead::open(note.as_bytes(), &stranger.verification_key(), None).unwrap_err(),
            @"the note is not signed by stranger+6e2cbd21; check that the verification key is the one this vault printed"
        );
    }

    #[test]
    fn malformed_texts_name_the_line() {
        for (text, line) in [
            ("", 1),
            ("\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 1),
            ("o\n", 2),
            ("o\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("o\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("o\n9223372036854775808\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 2),
            ("o\n1\n", 3),
            ("o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", 3),
            ("o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n", 3),
            ("o\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 3),
            ("o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nx\n\n", 5),
        ] {
            let Err(HeadError::Line { line: found, .. }) = TreeHead::from_text(text) else {
                unreachable!("{text:?} was accepted");
            };
            assert_eq!(found, line, "{text:?}");
        }
    }

    #[test]
    fn a_head_that_would_read_back_differently_is_not_signed() {
        let good = TreeHead::from_text(EXAMPLE).unwrap();
        for (origin, extension) in [("a\nb", "x"), ("", "x"), ("a", ""), ("a", "b\nc"), ("a\tb", "x")] {
            let head = TreeHead { origin: origin.into(), extensions: vec![extension.into()], ..good.clone() };
            assert!(head.sign(&key()).is_err(), "{origin:?} {extension:?}");
        }
    }
}
