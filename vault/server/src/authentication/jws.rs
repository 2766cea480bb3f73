//! JSON Web Signatures in their compact form (RFC 7515), as far as they are accepted: three algorithms with public keys,
//! the key named by its identifier, and the key's own kind deciding the algorithm (RFC 8725). There is no secret that a
//! public key could be mistaken for, and `none` is no algorithm here. What is signed is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::jwks::{Key, KeySet};
use super::operator_token::OperatorTokenError;

/// An algorithm that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Algorithm {
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 8192 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

/// The protected header. `crit` names what a reader must understand; nothing of that kind is understood here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

/// The payload, if a key of the set signed it.
pub(super) fn verify(text: &str, keys: &KeySet) -> Result<Vec<u8>, OperatorTokenError> {
    let malformed = OperatorTokenError::Malformed;
    let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
    let (payload, signature) = (decode(payload)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
    if header.crit.is_some() || header.typ.is_some_and(|kind| !is_token(&kind)) {
        return Err(malformed);
    }
    let named = serde_json::Value::String(header.alg);
    let algorithm = Algorithm::deserialize(named).map_err(|_| OperatorTokenError::Algorithm)?;
    let key = header.kid.as_deref().and_then(|id| keys.find(id)).ok_or(OperatorTokenError::UnknownKey)?;
    if key.algorithm() != algorithm {
        return Err(OperatorTokenError::Algorithm);
    }
    check(key, signed.as_bytes(), &signature).map_err(|_| OperatorTokenError::Signature)?;
    Ok(payload)
}

/// `JWT`, or an access token of RFC 9068.
fn is_token(kind: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

fn check(key: &Key, signed: &[u8], signature: &[u8]) -> Result<(), ring::error::Unspecified> {
    match key {
        Key::Ed25519(public) => UnparsedPublicKey::new(&ED25519, public).verify(signed, signature),
        Key::P256(public) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(signed, signature),
        Key::Rsa { modulus, exponent } => {
            RsaPublicKeyComponents { n: modulus, e: exponent }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        }
    }
}
