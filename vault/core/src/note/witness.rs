//! Cosignatures (<https://c2sp.org/tlog-cosignature>, Ed25519, version 1): a witness states when it saw that a log goes
//! on from what it saw before. Whom to believe is configured: see the server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::key::{KeyId, KeyName, read_text, write_text};
use super::{NoteError, Signature, SignedNote};

/// The signature type byte of these cosignatures.
const COSIGNATURE: u8 = 0x04;

/// The largest timestamp that the specification allows.
const LAST_SECOND: u64 = i64::MAX as u64;

/// A witness's key, as text `NAME+HASH+KEY` like a verification key, of type 04.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WitnessKey {
    name: KeyName,
    key: ed25519_dalek::VerifyingKey,
}

/// A cosignature that bears a witness's name and is not by it, or says no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cosignature of {name} does not match this tree head; have the witness cosign it again")]
pub struct CosignatureError {
    /// The witness.
    pub name: String,
}

impl WitnessKey {
    /// The name that its signature lines bear.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Whether a signature says that it is this witness's.
    pub fn made(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.id == KeyId::of(&self.name, COSIGNATURE, &self.key)
    }

    /// When the witness cosigned this note, in seconds since 1970. The signature is one that it [`made`](Self::made).
    pub fn cosigned_at(&self, note: &SignedNote, signature: &Signature) -> Result<u64, CosignatureError> {
        let wrong = || CosignatureError { name: self.name.to_string() };
        let (time, bytes) = signature.bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        let time = u64::from_be_bytes(*time);
        let message = message(time, &note.text);
        let verified = ed25519_dalek::Signature::from_slice(bytes)
            .and_then(|signature| self.key.verify_strict(message.as_bytes(), &signature));
        if verified.is_ok() && time <= LAST_SECOND { Ok(time) } else { Err(wrong()) }
    }
}

fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl SignedNote {
    /// The same note with a signature that somebody else made.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.signatures.push(signature);
        self
    }

    /// The same note with the cosignature of an Ed25519 seed: what a witness does after its checks.
    #[must_use]
    pub fn cosign_as_witness(self, name: &KeyName, seed: &[u8; 32], time: u64) -> Self {
        use ed25519_dalek::Signer as _;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let signed = key.sign(message(time, &self.text).as_bytes()).to_bytes();
        let bytes = [&time.to_be_bytes(), signed.as_slice()].concat();
        let id = KeyId::of(name, COSIGNATURE, &key.verifying_key());
        self.with_signature(Signature { name: name.clone(), id, bytes })
    }
}

/// The witness key of an Ed25519 seed.
pub fn witness_key(name: KeyName, seed: &[u8; 32]) -> WitnessKey {
    WitnessKey { name, key: ed25519_dalek::SigningKey::from_bytes(seed).verifying_key() }
}

impl FromStr for WitnessKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, key) = read_text(text, COSIGNATURE)?;
        Ok(Self { name, key })
    }
}

impl TryFrom<String> for WitnessKey {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<WitnessKey> for String {
    fn from(key: WitnessKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(f, &self.name, COSIGNATURE, &self.key)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::note::{SigningKey, VerificationKey};

    const TEXT: &str = "vault.example/test/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    fn name(text: &str) -> KeyName {
        KeyName::new(text).unwrap()
    }

    fn note() -> SignedNote {
        SignedNote::sign(TEXT.to_owned(), &SigningKey::from_seed(name("vault.example/test"), &[1; 32])).unwrap()
    }

    /// Cosigned by a witness that is not ours: made by the Python package `aics-tlog` 0.2.1 with the seed of 32 times `0x05`.
    const FOREIGN_KEY: &str = "witness.example/w1+567cde09+BG56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx";
    const FOREIGN_LINE: &str = "— witness.example/w1 VnzeCQAAAABqsTuAfVF7DWjYtVAQDeXw8/Hb/XVWTOYs/iE09KYBmrTMdqqluJZ+X/SXdwdOSlY5A5iHtGkHcr01A3a4jXthWP1mCg==";

    #[test]
    fn a_cosignature_that_another_program_made_is_understood() {
        let cosigned = SignedNote::parse(format!("{}{FOREIGN_LINE}\n", note()).as_bytes()).unwrap();
        let key: WitnessKey = FOREIGN_KEY.parse().unwrap();
        let line = &cosigned.signatures()[1];
        assert!(key.made(line) && !key.made(&cosigned.signatures()[0]));
        assert_eq!(key.cosigned_at(&cosigned, line), Ok(1_790_000_000));
        assert_eq!(note().cosign_as_witness(key.name(), &[5; 32], 1_790_000_000).to_string(), cosigned.to_string());
        assert_eq!(witness_key(name("witness.example/w1"), &[5; 32]), key);
        assert_eq!(key.to_string(), FOREIGN_KEY);
    }

    #[test]
    fn another_text_time_or_key_is_refused() {
        let key = witness_key(name("witness.example/w1"), &[5; 32]);
        let cosigned = note().cosign_as_witness(key.name(), &[5; 32], 7);
        let line = cosigned.signatures()[1].clone();
        let refused = Err(CosignatureError { name: "witness.example/w1".to_owned() });
        let other = SignedNote { text: TEXT.replace("\n0\n", "\n1\n"), signatures: Vec::new() };
        assert_eq!(key.cosigned_at(&other, &line), refused);
        for at in 0..line.bytes.len() {
            let mut changed = line.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(key.cosigned_at(&cosigned, &changed), refused, "byte {at}");
        }
        for length in 0..line.bytes.len() {
            let mut cut = line.clone();
            cut.bytes.truncate(length);
            assert_eq!(key.cosigned_at(&cosigned, &cut), refused, "{length} bytes");
        }
        let late = note().cosign_as_witness(key.name(), &[5; 32], u64::MAX);
        assert_eq!(key.cosigned_at(&late, &late.signatures()[1]), refused);
        assert!(!witness_key(name("witness.example/w2"), &[5; 32]).made(&line));
        assert!(!witness_key(name("witness.example/w1"), &[6; 32]).made(&line));
    }

    #[test]
    fn a_key_of_one_kind_is_none_of_the_other() {
        let witness = witness_key(name("w"), &[5; 32]).to_string();
        let is_refused = |reason| NoteError::KeyText { reason };
        let refused = witness.parse::<VerificationKey>().unwrap_err();
        assert_eq!(refused, is_refused("its key is not an Ed25519 key"));
        let log = SigningKey::from_seed(name("w"), &[5; 32]).verification_key().to_string();
        let refused = log.parse::<WitnessKey>().unwrap_err();
        assert_eq!(refused, is_refused("its key is not an Ed25519 cosigner's, of type 04"));
        assert_eq!(serde_json::from_str::<WitnessKey>(&format!("\"{witness}\"")).unwrap().to_string(), witness);
    }
}
