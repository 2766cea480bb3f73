//! Cryptography, in Coffre's terms: AES-256-GCM for values, HKDF-SHA-256 for keys derived from
//! keys, HMAC-SHA-256 for blind indexes. No algorithm is written here; the rules of their use are:
//!
//! - every ciphertext is bound to its place (environment, vault, type, subject, category, version,
//!   epoch) by associated data of length-prefixed parts;
//! - every derived key names the environment and the vault, so that nothing of one environment
//!   opens in another;
//! - secrets live in zeroizing types whose `Debug` shows nothing.

mod aead;
mod derive;
mod entropy;
mod label;
mod secret;

pub use aead::{NONCE_LENGTH, OpenError, SealError, TAG_LENGTH, open, seal};
pub use derive::{blind_index, commitment, derive};
pub use entropy::Entropy;
pub use label::{Label, Scope};
pub use secret::{SecretBytes, SecretKey};

use sha2::{Digest, Sha256};

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes as lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'0'));
    // Of its length from the first: digits of a key leave no copies behind where the text grew.
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]));
    text
}
