//! Acts that take two operators: what a token must say to be for one of them alone, and which tokens have been used. A
//! token for reading is good for many requests; one for an act is good for that act, once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_core::crypto::Entropy;
use ring::{digest, hmac};

/// What is known of acts. Made anew with each start: what was meant for an earlier one is for none of this.
#[derive(Debug)]
pub(super) struct Acts {
    key: hmac::Key,
    /// By the SHA-256 of what is signed: until when, in seconds since 1970, a used token would be good.
    used: Mutex<HashMap<[u8; 32], i64>>,
}

impl Acts {
    pub(super) fn new(entropy: &mut dyn Entropy) -> Self {
        let mut random = [0; 32];
        entropy.fill(&mut random);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &random), used: Mutex::default() }
    }

    /// What a token for an act must have as `nonce`. The target is the request's path and query, as they are sent.
    pub(super) fn nonce(&self, method: &str, target: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, format!("{method} {target}").as_bytes()))
    }

    /// Takes a token that is good until a moment; `false` if it was taken before.
    pub(super) fn take(&self, token: &str, until: i64, now: i64) -> bool {
        // Without the signature: of some kinds there are several for the same text.
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let Ok(hash) = digest::digest(&digest::SHA256, signed.as_bytes()).as_ref().try_into() else { return false };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        used.insert(hash, until).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn each_request_of_each_start_has_its_own_nonce() {
        let (first, second) = (Acts::new(&mut Fixed(1)), Acts::new(&mut Fixed(2)));
        let nonces = [
            first.nonce("POST", "/v1/seal"),
            first.nonce("POST", "/v1/seal/confirm"),
            first.nonce("POST", "/v1/seal?reason=x"),
            first.nonce("GET", "/v1/seal"),
            second.nonce("POST", "/v1/seal"),
        ];
        for (index, nonce) in nonces.iter().enumerate() {
            assert_eq!(nonce.len(), 43);
            assert!(!nonces.split_at(index).0.contains(nonce));
        }
        assert_eq!(first.nonce("POST", "/v1/seal"), Acts::new(&mut Fixed(1)).nonce("POST", "/v1/seal"));
    }

    #[test]
    fn a_token_is_taken_once_whatever_its_signature() {
        let acts = Acts::new(&mut Fixed(1));
        assert!(acts.take("header.payload.signature", 100, 10));
        assert!(!acts.take("header.payload.signature", 100, 20));
        assert!(!acts.take("header.payload.another", 100, 20));
        assert!(acts.take("header.other.signature", 100, 99));
        // Nobody remembers what would be refused by its end.
        assert!(acts.take("header.third.signature", 200, 100));
        assert_eq!(acts.used.lock().unwrap_or_else(PoisonError::into_inner).len(), 1);
    }
}
