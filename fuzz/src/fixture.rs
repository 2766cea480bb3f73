//! The vault whose bytes are read: one scope and one key, the same in every run, so that corpora stay of use; they are those of the
//! golden files.

use coffre_core::crypto::{Entropy, Scope, SecretKey};
use coffre_core::ids::VaultId;
use coffre_core::keyset::RootKey;
use coffre_core::note::{KeyName, SignedNote, SigningKey};
use coffre_core::spool::Pinned;

pub(crate) fn scope() -> Scope {
    Scope {
        environment: "production".parse().expect("an environment"),
        vault: VaultId::from_bytes(*b"\x0b\x0e\x9f\x0a\x3c\x1d\x4c\x3e\x9d\x53\x2f\x6f\x0a\x8f\x7c\x11"),
    }
}

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_seed(KeyName::new("coffre.example/production").expect("a key name"), &[7; 32])
}

pub(crate) fn root_key() -> RootKey {
    RootKey { scope: scope(), key: SecretKey::from_bytes(&[3; 32]) }
}

/// No random numbers: what is made is the same in every run.
pub(crate) struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

pub(crate) fn pinned() -> Pinned {
    Pinned { scope: scope(), key: signing_key().verification_key() }
}

/// The note with this text, if a note can have it.
pub(crate) fn signed(text: &str) -> Option<SignedNote> {
    SignedNote::sign(text.to_owned(), &signing_key()).ok()
}
