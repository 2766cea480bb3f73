//! The identity provider's public keys: a JSON Web Key Set (RFC 7517), in a file or as `provider` fetches it. Keys of
//! other kinds, or for another use, are passed over, as the RFC asks; a set without a usable key is refused.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::jws::Algorithm;

/// More than any provider publishes.
pub(super) const LARGEST: u64 = 256 * 1024;
const MOST_KEYS: usize = 64;

/// Keys that cannot be used.
#[derive(Debug, Error)]
pub enum JwksError {
    /// The file cannot be read.
    #[error("the keys of the identity provider ({path}) cannot be read: check [operators] jwks in coffre.toml", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificates of authorities cannot be used.
    #[error("{path} holds no certificate of an authority: check [operators] jwks_ca in coffre.toml", path = path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The identity provider did not answer with them.
    #[error(
        "the keys of the identity provider cannot be fetched from {url}: check [operators] jwks and jwks_ca in coffre.toml, and the network"
    )]
    Fetch {
        /// From where.
        url: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Not a set of keys.
    #[error("{from} is no JSON Web Key Set: name what the identity provider publishes as its jwks_uri")]
    Malformed {
        /// The file or address.
        from: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Too much of it.
    #[error("{from} is too large (256 KiB and 64 keys at most): keep only the keys that sign tokens")]
    TooLarge {
        /// The file or address.
        from: String,
    },
    /// Nothing that a token could be verified with.
    #[error(
        "{from} holds no usable key: a key needs a `kid`, and is of type OKP (Ed25519), EC (P-256) or RSA (2048 bits or more)"
    )]
    NoKey {
        /// The file or address.
        from: String,
    },
    /// One identifier, two keys.
    #[error("{from} has two keys with the same `kid`: ask the identity provider for a sound set")]
    Twice {
        /// The file or address.
        from: String,
    },
}

/// A public key. Its kind alone says which algorithm it verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// 32 bytes.
    Ed25519(Vec<u8>),
    /// An uncompressed point: 65 bytes.
    P256(Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl Key {
    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }
}

/// The keys by their identifiers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySet(HashMap<String, Key>);

#[derive(Deserialize)]
struct SetText {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct KeyText {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl KeySet {
    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, JwksError> {
        let unreadable = |source| JwksError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Reads at most one byte more than it may be long.
    pub(super) fn parse(bytes: &[u8], from: &str) -> Result<Self, JwksError> {
        let from = || from.to_owned();
        if bytes.len() as u64 > LARGEST {
            return Err(JwksError::TooLarge { from: from() });
        }
        let set: SetText =
            serde_json::from_slice(bytes).map_err(|source| JwksError::Malformed { from: from(), source })?;
        if set.keys.len() > MOST_KEYS {
            return Err(JwksError::TooLarge { from: from() });
        }
        let mut keys = HashMap::new();
        for (id, key) in set.keys.iter().filter_map(usable) {
            if keys.insert(id, key).is_some() {
                return Err(JwksError::Twice { from: from() });
            }
        }
        if keys.is_empty() { Err(JwksError::NoKey { from: from() }) } else { Ok(Self(keys)) }
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }
}

/// A key that is not even written as one is passed over too.
fn usable(key: &Value) -> Option<(String, Key)> {
    KeyText::deserialize(key).ok()?.usable()
}

impl KeyText {
    fn usable(&self) -> Option<(String, Key)> {
        let for_signatures = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Key::Ed25519(bytes(self.x.as_deref(), 32..=32)?),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(self.x.as_deref(), 32..=32)?, bytes(self.y.as_deref(), 32..=32)?);
                Key::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            ("RSA", _) => {
                Key::Rsa { modulus: bytes(self.n.as_deref(), 256..=1024)?, exponent: bytes(self.e.as_deref(), 1..=8)? }
            }
            _ => return None,
        };
        let named = match key.algorithm() {
            Algorithm::EdDsa => ["EdDSA", "Ed25519"].as_slice(),
            Algorithm::Es256 => &["ES256"],
            Algorithm::Rs256 => &["RS256"],
        };
        let for_algorithm = self.alg.as_deref().is_none_or(|alg| named.contains(&alg));
        if for_signatures && for_algorithm { Some((self.kid.clone()?, key)) } else { None }
    }
}

fn bytes(text: Option<&str>, length: std::ops::RangeInclusive<usize>) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text?).ok()?;
    length.contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<KeySet, JwksError> {
        KeySet::parse(text.as_bytes(), "jwks.json")
    }

    fn ed25519(id: &str, more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{}"{more}}}"#, "A".repeat(43))
    }

    #[test]
    fn keys_of_another_kind_or_use_are_passed_over() {
        let usable = ed25519("one", r#","use":"sig","alg":"EdDSA","x5c":["…"]"#);
        let secret = r#"{"kty":"oct","kid":"s","k":"AAAA"}"#;
        let encrypting = ed25519("enc", r#","use":"enc""#);
        let other = r#"{"kty":"EC","crv":"P-384","kid":"p","x":"AA","y":"AA"}"#;
        let nameless = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, "A".repeat(43));
        let small = format!(r#"{{"kty":"RSA","kid":"r","n":"{}","e":"AQAB"}}"#, "A".repeat(171));
        let (of_no_type, malformed) = (r#"{"kid":"n"}"#, r#"{"kty":"RSA","kid":"m","n":7,"e":["AQAB"]}"#);
        let keys = [&usable, secret, &encrypting, other, &nameless, &small, of_no_type, malformed, "null"].join(",");
        let set = parse(&format!(r#"{{"keys":[{keys}]}}"#)).unwrap();
        assert_eq!(set.0.keys().collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn a_set_without_a_usable_key_is_refused_and_why_is_said() {
        let text = |set: &str| parse(set).unwrap_err().to_string();
        assert!(text("").starts_with("jwks.json is no JSON Web Key Set"));
        assert!(text(r#"{"keys":{}}"#).starts_with("jwks.json is no JSON Web Key Set"));
        assert!(text(r#"{"keys":[]}"#).starts_with("jwks.json holds no usable key"));
        assert!(text(r#"{"keys":[{"kty":"oct","kid":"s","k":"AAAA"}]}"#).contains("OKP (Ed25519)"));
        let twice = [ed25519("one", ""), ed25519("one", "")].join(",");
        assert!(text(&format!(r#"{{"keys":[{twice}]}}"#)).contains("two keys with the same `kid`"));
        let many: Vec<_> = (0..=MOST_KEYS).map(|n| ed25519(&n.to_string(), "")).collect();
        assert!(text(&format!(r#"{{"keys":[{}]}}"#, many.join(","))).contains("is too large"));
        assert!(KeySet::load(Path::new("/nowhere/jwks.json")).unwrap_err().to_string().contains("cannot be read"));
    }
}
