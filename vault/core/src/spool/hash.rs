//! The SHA-256 of an object's bytes. Tree hashes of the audit log are `merkle`'s, not these.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a SHA-256: expected 64 hexadecimal digits in lower case")]
pub struct HashTextError;

/// The SHA-256 of an object's bytes, as 64 lower-case hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A hash that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(HashTextError),
        };
        let pairs = text.as_bytes().chunks_exact(2);
        if text.len() != 64 {
            return Err(HashTextError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            if let [high, low] = *pair {
                *byte = digit(high)? << 4 | digit(low)?;
            }
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ContentHash {
    type Error = HashTextError;

    fn try_from(text: String) -> Result<Self, HashTextError> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

/// Hashes an object that passes by in pieces, and counts its bytes.
#[derive(Clone, Default)]
pub struct ContentHasher {
    hasher: Sha256,
    length: u64,
}

impl ContentHasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// How many bytes have passed.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The hash of all of them.
    pub fn finish(self) -> ContentHash {
        ContentHash(self.hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn text_round_trips_in_one_spelling() {
        assert_eq!(ContentHash::of(b"").to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(ContentHash::of(b"")));
        for wrong in [&EMPTY.to_uppercase(), &EMPTY[1..], "", &format!("{EMPTY}0"), &EMPTY.replace('e', "é")] {
            assert_eq!(wrong.parse::<ContentHash>(), Err(HashTextError), "{wrong}");
        }
    }

    #[test]
    fn in_pieces_as_in_one() {
        let mut hasher = ContentHasher::default();
        hasher.update(b"ab");
        hasher.update(b"c");
        assert_eq!(hasher.length(), 3);
        assert_eq!(hasher.finish(), ContentHash::of(b"abc"));
    }
}
