//! One node of the tree, and the two ways to make one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash in the tree; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; Hash::LENGTH]);

impl Hash {
    /// The bytes of a hash.
    pub const LENGTH: usize = 32;

    /// The root of a tree without leaves: SHA-256 of nothing.
    pub fn empty_root() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// The hash of a leaf: SHA-256 of `0x00` and its bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let hash = Sha256::new().chain_update([0x00]).chain_update(leaf);
    Hash(hash.finalize().into())
}

/// The hash of an inner node: SHA-256 of `0x01` and its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hash = Sha256::new().chain_update([0x01]).chain_update(left.0).chain_update(right.0);
    Hash(hash.finalize().into())
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a hash is 64 lower-case hexadecimal digits; copy all of them")]
pub struct HashTextError;

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let mut bytes = [0; Self::LENGTH];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(HashTextError);
        };
        if pairs.len() != bytes.len() {
            return Err(HashTextError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Result<u8, HashTextError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(HashTextError),
    }
}

impl TryFrom<String> for Hash {
    type Error = HashTextError;

    fn try_from(text: String) -> Result<Self, HashTextError> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn text_and_json_are_hexadecimal() {
        let hash: Hash = EMPTY.parse().unwrap();
        assert_eq!(hash, Hash::empty_root());
        assert_eq!(hash.to_string(), EMPTY);
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{EMPTY}\""));
        assert_eq!(serde_json::from_str::<Hash>(&format!("\"{EMPTY}\"")).unwrap(), hash);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            String::new(),
            EMPTY[1..].to_owned(),
            format!("{EMPTY}0"),
            format!("{EMPTY}00"),
            EMPTY.to_uppercase(),
            EMPTY.replace('e', "g"),
            EMPTY.replace("e3", "é"),
        ] {
            assert_eq!(text.parse::<Hash>(), Err(HashTextError), "{text}");
        }
    }
}
