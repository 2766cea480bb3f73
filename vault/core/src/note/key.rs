//! The keys of signed notes: Ed25519 with a name. Where keys are stored, and how their seeds are made, is not here.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::NoteError;
use super::signature::Signature;

/// The signature type byte of Ed25519 in the specification.
const ED25519: u8 = 0x01;

/// The name of a key: not empty, without spaces, plus signs or control characters.
///
/// A name looks like a URL without its scheme: `vault.example/production`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Checks the rules of the specification.
    pub fn new(name: &str) -> Result<Self, NoteError> {
        let forbidden = |c: char| c.is_whitespace() || c == '+' || c < ' ';
        if name.is_empty() || name.contains(forbidden) {
            return Err(NoteError::KeyName { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of a hash over name, algorithm and public key. An identifier, no proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 4]);

impl KeyId {
    pub(super) fn of(name: &KeyName, algorithm: u8, key: &ed25519_dalek::VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(name.as_str())
            .chain_update(b"\n")
            .chain_update([algorithm])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A key that signs notes. Wiped from memory when dropped, never printed.
pub struct SigningKey {
    name: KeyName,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of an RFC 8032 seed.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        Self { name, key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// The half that others verify with.
    pub fn verification_key(&self) -> VerificationKey {
        VerificationKey::new(self.name.clone(), self.key.verifying_key())
    }

    pub(super) fn sign(&self, text: &str) -> Signature {
        Signature {
            name: self.name.clone(),
            id: KeyId::of(&self.name, ED25519, &self.key.verifying_key()),
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A key that verifies notes, as text `NAME+HASH+KEY`: the hash in eight hexadecimal digits, the key in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerificationKey {
    name: KeyName,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl VerificationKey {
    fn new(name: KeyName, key: ed25519_dalek::VerifyingKey) -> Self {
        let id = KeyId::of(&name, ED25519, &key);
        Self { name, id, key }
    }

    /// The same key under another name, and therefore with another id.
    #[must_use]
    pub fn renamed(&self, name: KeyName) -> Self {
        Self::new(name, self.key)
    }

    /// The name that signature lines bear.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id that signatures bear.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The RFC 8032 encoding of the public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether name and id of the signature are those of this key.
    pub(super) fn made(&self, signature: &Signature) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    pub(super) fn verifies(&self, text: &str, signature: &Signature) -> bool {
        ed25519_dalek::Signature::from_slice(&signature.bytes)
            .and_then(|signature| self.key.verify_strict(text.as_bytes(), &signature))
            .is_ok()
    }
}

impl FromStr for VerificationKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, key) = read_text(text, ED25519)?;
        Ok(Self::new(name, key))
    }
}

/// Name and key of a text `NAME+HASH+KEY` whose signatures are of this algorithm.
pub(super) fn read_text(text: &str, algorithm: u8) -> Result<(KeyName, ed25519_dalek::VerifyingKey), NoteError> {
    let refuse = |reason| NoteError::KeyText { reason };
    let (name, rest) = text.split_once('+').ok_or(refuse("it has no plus sign"))?;
    let (hash, key) = rest.split_once('+').ok_or(refuse("it has only one plus sign"))?;
    let name = KeyName::new(name)?;
    let key = BASE64.decode(key).map_err(|_| refuse("its key is not base64"))?;
    let key = match key.split_first() {
        Some((found, key)) if *found == algorithm => key,
        _ if algorithm == ED25519 => return Err(refuse("its key is not an Ed25519 key")),
        _ => return Err(refuse("its key is not an Ed25519 cosigner's, of type 04")),
    };
    let key = <&[u8; 32]>::try_from(key).map_err(|_| refuse("its key is not 32 bytes long"))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(key)
        .ok()
        .filter(|key| !key.is_weak())
        .ok_or(refuse("its key is no safe point of the curve"))?;
    let computed = KeyId::of(&name, algorithm, &key).to_string();
    if hash == computed { Ok((name, key)) } else { Err(NoteError::KeyHash { stated: hash.to_owned(), computed }) }
}

/// Writes what [`read_text`] reads.
pub(super) fn write_text(
    f: &mut fmt::Formatter<'_>,
    name: &KeyName,
    algorithm: u8,
    key: &ed25519_dalek::VerifyingKey,
) -> fmt::Result {
    let bytes = [&[algorithm], key.as_bytes().as_slice()].concat();
    write!(f, "{name}+{}+{}", KeyId::of(name, algorithm, key), BASE64.encode(bytes))
}

impl TryFrom<String> for VerificationKey {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<VerificationKey> for String {
    fn from(key: VerificationKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(f, &self.name, ED25519, &self.key)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerificationKey({self})")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    /// The example key of Go's `sumdb/note`, the format's first implementation.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn signing_key() -> SigningKey {
        SigningKey::from_seed(KeyName::new("vault.example/test").unwrap(), &[7; 32])
    }

    #[test]
    fn text_of_a_known_key_round_trips() {
        assert_eq!(PETER.parse::<VerificationKey>().unwrap().to_string(), PETER);
    }

    #[test]
    fn a_signing_key_prints_its_name_only() {
        let text = format!("{:?}", signing_key());
        assert_eq!(text, r#"SigningKey { name: KeyName("vault.example/test"), .. }"#);
    }

    #[test]
    fn serde_uses_the_text() {
        let key = signing_key().verification_key();
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, format!("\"{key}\""));
        assert_eq!(serde_json::from_str::<VerificationKey>(&json).unwrap(), key);
    }

    #[test]
    fn another_name_gives_another_id() {
        let key = signing_key().verification_key();
        let other = key.renamed(KeyName::new("vault.example/other").unwrap());
        assert_eq!(other.as_bytes(), key.as_bytes());
        assert_ne!(other.id(), key.id());
    }

    #[test]
    fn names_follow_the_rules() {
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\u{2003}b", "a\nb", "a\u{1}b"] {
            assert_eq!(KeyName::new(name), Err(NoteError::KeyName { name: name.into() }));
        }
        assert!(KeyName::new("coffre.example/é").is_ok());
    }

    #[test]
    fn every_flipped_byte_of_a_key_is_refused() {
        for at in 0..PETER.len() {
            for bit in 0..8 {
                let mut bytes = PETER.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(text.parse::<VerificationKey>().is_err(), "{text}");
            }
        }
    }

    #[test]
    fn malformed_keys_say_why() {
        let reason = |text: &str| text.parse::<VerificationKey>().unwrap_err();
        let text = |reason| NoteError::KeyText { reason };
        assert_eq!(reason("alone"), text("it has no plus sign"));
        assert_eq!(reason("a+00000000"), text("it has only one plus sign"));
        assert_eq!(reason("a+00000000+!"), text("its key is not base64"));
        assert_eq!(reason("a+00000000+AgAA"), text("its key is not an Ed25519 key"));
        assert_eq!(reason("a+00000000+AQAA"), text("its key is not 32 bytes long"));
        let zero = BASE64.encode([&[ED25519][..], &[0; 32]].concat());
        assert_eq!(reason(&format!("a+00000000+{zero}")), text("its key is no safe point of the curve"));
        assert_eq!(
            reason(&PETER.replace("c74f20a3", "C74F20A3")).to_string(),
            "the verification key says its hash is C74F20A3, but its name and bytes give c74f20a3; \
             a character was lost or changed: copy the line again"
        );
    }
}
