//! Secrets in memory: wiped when dropped, never printed, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Entropy;

/// A 256-bit key. It has a place of its own in memory: moving it moves no byte of it, so no copy stays where it was.
pub struct SecretKey(Box<[u8; 32]>);

impl SecretKey {
    /// A new random key.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut key = Self(Box::new([0; 32]));
        entropy.fill(key.0.as_mut_slice());
        key
    }

    /// The key with exactly these bytes; the caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Self(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        key
    }

    /// The key's bytes, for handing them to an algorithm.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for SecretKey {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        let bytes: &[u8; 32] = bytes.try_into()?;
        Ok(Self::from_bytes(bytes))
    }
}

impl Clone for SecretKey {
    fn clone(&self) -> Self {
        Self::from_bytes(&self.0)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for SecretKey {}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(not shown)")
    }
}

/// Secret bytes of any length, such as a decrypted value before it is parsed.
pub type SecretBytes = Zeroizing<Vec<u8>>;
