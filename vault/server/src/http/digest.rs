//! A document's SHA-256 in `Repr-Digest` (RFC 9530): checked on the way in, stated on the way out.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coffre_core::crypto::hex;

use super::problem::Problem;

/// `Repr-Digest`.
pub(super) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// `Content-Digest`: the same here, where nothing is encoded.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The SHA-256 that an upload announces, in hexadecimal; other algorithms are ignored, as RFC 9530 asks.
pub(super) fn announced(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    for value in headers.get_all(REPR_DIGEST).iter().chain(headers.get_all(CONTENT_DIGEST)) {
        let text = value.to_str().unwrap_or_default();
        for member in text.split(',') {
            if let Some(encoded) = member.trim().strip_prefix("sha-256=") {
                return sha256(encoded).map(Some).ok_or_else(|| {
                    Problem::malformed("a digest is written sha-256=:BASE64: with the base64 of 32 bytes")
                });
            }
        }
    }
    Ok(None)
}

fn sha256(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded.strip_prefix(':')?.strip_suffix(':')?).ok()?;
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Some(hex(&bytes))
}

/// The header of a download.
pub(super) fn of(sha256: &str) -> Option<HeaderValue> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    };
    let bytes: Vec<u8> = sha256.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
    HeaderValue::from_str(&format!("sha-256=:{}:", STANDARD.encode(bytes))).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn there_and_back() {
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let value = of(sha256).unwrap();
        assert_eq!(value, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
        let headers = HeaderMap::from_iter([(REPR_DIGEST, value)]);
        assert_eq!(announced(&headers).unwrap().unwrap(), sha256);
        let mixed = HeaderValue::from_static("sha-512=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
        assert!(announced(&HeaderMap::from_iter([(CONTENT_DIGEST, mixed)])).unwrap().is_some());
        let short = HeaderValue::from_static("sha-256=:AA==:");
        assert!(announced(&HeaderMap::from_iter([(REPR_DIGEST, short)])).is_err());
        assert_eq!(announced(&HeaderMap::new()).unwrap(), None);
    }
}
