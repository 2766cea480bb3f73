//! AES-256-GCM with random nonces: `nonce (12) ‖ ciphertext ‖ tag (16)`.
//!
//! A random 96-bit nonce is safe for 2^32 values under one key (NIST SP 800-38D §8.3); keys here
//! are per subject, category and epoch, so a key sees a few thousand at most.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use thiserror::Error;

use super::{Entropy, Label, SecretBytes, SecretKey};

/// Bytes of a nonce.
pub const NONCE_LENGTH: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_LENGTH: usize = 16;

/// A value that could not be encrypted.
#[derive(Debug, Error)]
pub enum SealError {
    /// It is too long.
    #[error("the value is too large for one AES-GCM message: split it")]
    TooLarge,
    /// There is no key for it.
    #[error(transparent)]
    Key(OpenError),
}

/// A ciphertext that did not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Too short to hold a nonce and a tag.
    #[error("the ciphertext is cut short")]
    Short,
    /// It is of a data epoch that the keys are older than.
    #[error(
        "it is of data epoch {epoch}, and keys.json knows epochs up to {newest}: put back the newest keys.json, which backups hold"
    )]
    Epoch {
        /// Its epoch.
        epoch: u32,
        /// The newest one known.
        newest: u32,
    },
    /// The tag does not fit: other key, other place, or changed bytes.
    #[error("the ciphertext does not open here: it was changed, moved, or belongs to another key")]
    Authentication,
}

/// Encrypts a value for the place that the label names.
pub fn seal(key: &SecretKey, place: &Label, plaintext: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LENGTH];
    entropy.fill(&mut nonce);
    let payload = Payload { msg: plaintext, aad: place.as_bytes() };
    let ciphertext = cipher(key).encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SealError::TooLarge)?;
    let mut out = Vec::with_capacity(NONCE_LENGTH + ciphertext.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

/// Decrypts what `seal` made, if key, place and bytes are the same.
pub fn open(key: &SecretKey, place: &Label, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LENGTH).ok_or(OpenError::Short)?;
    if ciphertext.len() < TAG_LENGTH {
        return Err(OpenError::Short);
    }
    let payload = Payload { msg: ciphertext, aad: place.as_bytes() };
    let plaintext = cipher(key).decrypt(Nonce::from_slice(nonce), payload).map_err(|_| OpenError::Authentication)?;
    Ok(SecretBytes::new(plaintext))
}

fn cipher(key: &SecretKey) -> Aes256Gcm {
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.expose()))
}
