//! Bearer tokens: 256 random bits behind a prefix that secret scanners can look for. The vault keeps
//! their SHA-256 only; so many random bits need no slow hash.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_core::crypto::{Entropy, SecretKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

const PREFIX: &str = "coffre_";
/// 32 bytes in base64url without padding.
const ENCODED: usize = 43;

/// Text that is not a token. It is not repeated in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a Coffre token: expected `coffre_` and 43 characters, as `coffre application add` printed it")]
pub(crate) struct TokenError;

/// A bearer token. Never printed by `Debug`.
pub(crate) struct Token(SecretKey);

impl Token {
    /// A new token.
    pub(crate) fn random(entropy: &mut dyn Entropy) -> Self {
        Self(SecretKey::random(entropy))
    }

    /// The token as its application sends it: to be shown once and kept nowhere.
    pub(crate) fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + ENCODED));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.0.expose(), &mut text);
        text
    }

    /// What the vault stores of it.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.expose()).into())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// Parsed before anything is looked up: what cannot be a token costs no more than this.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let encoded = text.strip_prefix(PREFIX).filter(|rest| rest.len() == ENCODED).ok_or(TokenError)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError)?);
        SecretKey::try_from(bytes.as_slice()).map(Self).map_err(|_| TokenError)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// The SHA-256 of a token's 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(not shown)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, buffer: &mut [u8]) {
            for byte in buffer {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
        }
    }

    #[test]
    fn a_token_survives_the_wire_and_its_hash_is_stable() {
        let token = Token::random(&mut Counting(0));
        let text = token.reveal();
        assert_eq!(*text, "coffre_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(text.parse::<Token>().unwrap().hash(), token.hash());
        assert_eq!(token.hash().0[..4], [0x63, 0x0d, 0xcd, 0x29], "SHA-256 of the bytes 0 to 31");
    }

    #[test]
    fn what_is_not_a_token_is_refused_without_being_repeated() {
        let sound = "coffre_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        for text in ["", "coffre_", &sound[1..], &sound[..49], "coffre_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH+8"] {
            assert_eq!(text.parse::<Token>().unwrap_err(), TokenError, "{text}");
        }
        // The last character's stray bits would give one token two spellings.
        assert!("coffre_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9".parse::<Token>().is_err());
        assert_eq!(format!("{:?}", sound.parse::<Token>().unwrap()), "Token(not shown)");
    }
}
