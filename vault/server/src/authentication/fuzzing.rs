//! The readers of operators' tokens, of their keys and of certificates, opened to the fuzz targets, with what they promise.
//! Not part of the product.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_core::time::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::sync::{Notify, watch};

use super::jwks::{KeySet, LARGEST};
use super::{ClientCertificate, OperatorTokens, jws, next_update, not_after};
use crate::operator_options::{JwksSource, OperatorOptions};

/// The identity provider: what the fuzzer wrote is signed by it, or nothing behind the signature is seen.
static PROVIDER: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"));

static KEYS: LazyLock<Arc<KeySet>> = LazyLock::new(|| {
    let public = URL_SAFE_NO_PAD.encode(PROVIDER.public_key());
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{public}"}}]}}"#);
    Arc::new(KeySet::parse(set.as_bytes(), "the provider").expect("a set with one key"))
});

static TOKENS: LazyLock<OperatorTokens> = LazyLock::new(|| {
    let options = OperatorOptions {
        issuer: "https://login.example".to_owned(),
        audience: "coffre".to_owned(),
        jwks: JwksSource::File("jwks.json".into()),
        claim: "sub".to_owned(),
        methods: Vec::new(),
        clock_skew_seconds: 60,
        require_verified: Vec::new(),
    };
    let (_, keys) = watch::channel(Arc::clone(&KEYS));
    OperatorTokens::new(Arc::new(options), keys, Arc::new(Notify::new()))
});

/// A token is believed as it was signed or not at all, and vouches for what may stand in the log.
///
/// The first line is its header, the rest its claims.
pub fn operator_token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(jws::verify(text, &KEYS).is_err(), "what nobody signed was believed");
    }
    let (header, claims) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let token = signed(header, claims, |signed| PROVIDER.sign(signed).as_ref().to_vec());
    let Ok(read) = jws::verify(&token, &KEYS) else { return };
    assert_eq!(read, claims, "what was signed is what is read");
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    if let Ok(operator) = TOKENS.verify(&token, now) {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        assert!((1..=64).contains(&operator.as_str().len()) && operator.as_str().bytes().all(sound));
    }
}

fn signed(header: &[u8], claims: &[u8], signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(signature(text.as_bytes()));
    format!("{text}.{signature}")
}

/// A set of keys is understood or refused, and no key of it, whatever it is, believes what has no signature.
pub fn jwks(data: &[u8]) {
    let Ok(keys) = KeySet::parse(data, "fuzzed") else { return };
    assert!(data.len() as u64 <= LARGEST, "a set has its bounds");
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"k"}}"#);
        for length in [0, 63, 255] {
            let token = signed(header.as_bytes(), b"{}", |_| vec![0; length]);
            assert!(jws::verify(&token, &keys).is_err(), "no signature was believed");
        }
    }
}

/// A certificate ends at one moment, whoever asks; what it names was in it. Lists of revoked ones are read by the same parts.
pub fn certificate(data: &[u8]) {
    if let Some(read) = ClientCertificate::from_der(data) {
        assert_eq!(not_after(data), Some(read.not_after), "a certificate ends once");
        assert!(read.uris.iter().map(String::len).sum::<usize>() <= data.len(), "what is named is in it");
    }
    let _ = next_update(data);
}
