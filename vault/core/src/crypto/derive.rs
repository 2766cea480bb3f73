//! Keys and tags made from keys: HKDF-SHA-256 (RFC 5869) and HMAC-SHA-256 (RFC 2104).

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Label, SecretKey};

/// The key that a label derives from another key, and from a second secret where there is one: HKDF's salt.
pub fn derive(key: &SecretKey, salt: Option<&SecretKey>, label: &Label) -> SecretKey {
    let mut out = zeroize::Zeroizing::new([0; 32]);
    // HKDF fails only for outputs beyond 255 × 32 bytes.
    let expanded = Hkdf::<Sha256>::new(salt.map(|salt| salt.expose().as_slice()), key.expose())
        .expand(label.as_bytes(), out.as_mut_slice());
    debug_assert!(expanded.is_ok(), "32 bytes are always within HKDF's limit");
    SecretKey::from_bytes(&out)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The blind index of a search term: equal terms have equal tags, and without the key a tag tells
/// nothing. Truncated to 128 bits.
pub fn blind_index(key: &SecretKey, label: &Label) -> [u8; 16] {
    let full = mac(key.expose(), &[label.as_bytes()]);
    let mut tag = [0; 16];
    tag.copy_from_slice(full.split_at(16).0);
    tag
}

/// A salted commitment to something personal: the log holds this, and the salt and text are kept
/// apart under the subject's key, so that erasing them leaves the log intact and says nothing.
pub fn commitment(salt: &[u8; 32], text: &[u8]) -> [u8; 32] {
    mac(salt, &[text])
}
