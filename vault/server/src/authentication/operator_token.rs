//! The human an application acts for, as the company's identity provider vouches for them: a signed JSON Web Token
//! (RFC 7519) in the header `Coffre-Operator-Token`. Every check of RFC 8725 that applies is made here or in `jws`;
//! no message repeats anything of the token.

use std::sync::Arc;

use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_store::clock::SystemEntropy;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::sync::{Notify, watch};

use super::acts::Acts;
use super::jws;
use super::{KeySet, Operator};
use crate::operator_options::OperatorOptions;

/// The longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// A token that vouches for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum OperatorTokenError {
    #[error("the operator's token is longer than 8 KiB: have the identity provider put fewer claims into it")]
    TooLong,
    #[error(
        "the operator's token is no signed JWT of three parts: send the ID or access token as the identity provider issued it"
    )]
    Malformed,
    #[error("the operator's token is not signed as its key asks: EdDSA (Ed25519), ES256 and RS256 are accepted")]
    Algorithm,
    #[error(
        "the operator's token names no known key: sign in again, or see that the vault has the identity provider's newest keys"
    )]
    UnknownKey,
    #[error("the signature of the operator's token is not of the identity provider: sign in again")]
    Signature,
    #[error(
        "the operator's token is of another issuer than [operators] issuer: sign in at the company's identity provider"
    )]
    Issuer,
    #[error(
        "the operator's token is for another audience than [operators] audience: ask for one that is for this vault"
    )]
    Audience,
    #[error("the operator's token has expired: sign in again")]
    Expired,
    #[error("the operator's token is not valid yet: check the clocks of the identity provider and of this host")]
    NotYet,
    #[error("the operator did not sign in by a method that [operators] methods accepts: sign in with a second factor")]
    Method,
    #[error(
        "the operator's token does not name the operator as [operators] claim says, by 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'"
    )]
    Name,
    #[error(
        "the operator's token is not for this very act: have the operator sign in with `nonce` in the authentication request, and send the ID token"
    )]
    NotBound,
    #[error("the operator's token was used for this act already: have the operator sign in again")]
    Spent,
}

impl OperatorTokenError {
    /// A stable code, for metrics and for the problem.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown-key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not-yet-valid",
            Self::Method => "method",
            Self::Name => "name",
            Self::NotBound => "not-bound",
            Self::Spent => "spent",
        }
    }
}

/// Verifies operators' tokens by the identity provider's keys, which change while the server runs.
#[derive(Debug, Clone)]
pub(crate) struct OperatorTokens {
    options: Arc<OperatorOptions>,
    keys: watch::Receiver<Arc<KeySet>>,
    acts: Arc<Acts>,
    /// Told when a token names a key that is not there.
    wanted: Arc<Notify>,
}

/// One audience or several (RFC 7519, 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    nonce: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl OperatorTokens {
    pub(crate) fn new(options: Arc<OperatorOptions>, keys: watch::Receiver<Arc<KeySet>>, wanted: Arc<Notify>) -> Self {
        Self { options, keys, acts: Arc::new(Acts::new(&mut SystemEntropy)), wanted }
    }

    /// Whether an application of this role may act for verified operators only.
    pub(crate) fn required_for(&self, role: Role) -> bool {
        self.options.require_verified.contains(&role)
    }

    /// Whom a token vouches for at a moment.
    pub(crate) fn verify(&self, text: &str, now: Timestamp) -> Result<Operator, OperatorTokenError> {
        self.read(text, now).map(|vouched| vouched.operator)
    }

    /// What a token must have as its `nonce` to be for one request alone.
    pub(crate) fn nonce(&self, method: &str, target: &str) -> String {
        self.acts.nonce(method, target)
    }

    /// Uses up a token for the request of this nonce.
    pub(crate) fn spend(&self, text: &str, nonce: &str, now: Timestamp) -> Result<(), OperatorTokenError> {
        let vouched = self.read(text, now)?;
        if vouched.nonce.as_deref() != Some(nonce) {
            return Err(OperatorTokenError::NotBound);
        }
        let fresh = self.acts.take(text, vouched.until, now.as_seconds());
        if fresh { Ok(()) } else { Err(OperatorTokenError::Spent) }
    }

    fn read(&self, text: &str, now: Timestamp) -> Result<Vouched, OperatorTokenError> {
        if text.len() > LONGEST {
            return Err(OperatorTokenError::TooLong);
        }
        let keys = Arc::clone(&self.keys.borrow());
        let payload = jws::verify(text, &keys).inspect_err(|error| {
            if *error == OperatorTokenError::UnknownKey {
                self.wanted.notify_one();
            }
        })?;
        judge(&payload, &self.options, now)
    }
}

/// What a token says that is believed.
struct Vouched {
    operator: Operator,
    nonce: Option<String>,
    /// From here on it is refused, in seconds since 1970.
    until: i64,
}

/// Whom signed claims vouch for.
fn judge(payload: &[u8], options: &OperatorOptions, now: Timestamp) -> Result<Vouched, OperatorTokenError> {
    let claims: Claims = serde_json::from_slice(payload).map_err(|_| OperatorTokenError::Malformed)?;
    if claims.iss != options.issuer {
        return Err(OperatorTokenError::Issuer);
    }
    let for_us = match &claims.aud {
        Audience::One(audience) => *audience == options.audience,
        Audience::Several(audiences) => audiences.contains(&options.audience),
    };
    if !for_us {
        return Err(OperatorTokenError::Audience);
    }
    let (now, skew) = (now.as_seconds(), i64::from(options.clock_skew_seconds));
    if now.saturating_sub(skew) >= claims.exp {
        return Err(OperatorTokenError::Expired);
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|moment| moment > now.saturating_add(skew)) {
        return Err(OperatorTokenError::NotYet);
    }
    let accepted = |method: &String| options.methods.contains(method);
    if !options.methods.is_empty() && !claims.amr.iter().any(accepted) {
        return Err(OperatorTokenError::Method);
    }
    let name = claims.others.get(&options.claim).and_then(Value::as_str).ok_or(OperatorTokenError::Name)?;
    let operator = name.parse::<Operator>().map(Operator::verified).map_err(|_| OperatorTokenError::Name)?;
    Ok(Vouched { operator, nonce: claims.nonce, until: claims.exp.saturating_add(skew) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::audit::OperatorKnown;
    use serde_json::json;

    use super::*;
    use crate::operator_options::JwksSource;

    const NOW: i64 = 1_800_000_000;

    fn options() -> OperatorOptions {
        OperatorOptions {
            issuer: "https://login.example".to_owned(),
            audience: "coffre".to_owned(),
            jwks: JwksSource::File("jwks.json".into()),
            claim: "sub".to_owned(),
            methods: vec!["mfa".to_owned(), "hwk".to_owned()],
            clock_skew_seconds: 60,
            require_verified: vec![Role::Legal],
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://login.example", "aud": "coffre", "sub": "a.martin", "amr": ["pwd", "mfa"],
            "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300,
        })
    }

    fn judged(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Operator, OperatorTokenError> {
        let mut claims = claims();
        change(claims.as_object_mut().unwrap());
        let vouched = judge(claims.to_string().as_bytes(), &options(), Timestamp::from_micros(NOW * 1_000_000))?;
        Ok(vouched.operator)
    }

    #[test]
    fn sound_claims_vouch_for_their_subject() {
        let operator = judged(|_| ()).unwrap();
        assert_eq!((operator.as_str(), operator.known()), ("a.martin", OperatorKnown::Verified));
        let several = judged(|claims| drop(claims.insert("aud".into(), json!(["billing", "coffre"]))));
        assert!(several.is_ok());
    }

    #[test]
    fn every_claim_is_checked() {
        use OperatorTokenError as E;
        let with = |name: &str, value: Value| judged(|claims| drop(claims.insert(name.into(), value)));
        let without = |name: &str| judged(|claims| drop(claims.remove(name)));
        for (result, refused) in [
            (with("iss", json!("https://login.example.evil")), E::Issuer),
            (with("iss", json!(["https://login.example"])), E::Malformed),
            (without("iss"), E::Malformed),
            (with("aud", json!("coffre2")), E::Audience),
            (with("aud", json!([])), E::Audience),
            (without("aud"), E::Malformed),
            (with("exp", json!(NOW - 60)), E::Expired),
            (with("exp", json!("9999999999")), E::Malformed),
            (without("exp"), E::Malformed),
            (with("nbf", json!(NOW + 61)), E::NotYet),
            (with("nbf", json!("0")), E::Malformed),
            (with("iat", json!(NOW + 61)), E::NotYet),
            (with("amr", json!(["pwd"])), E::Method),
            (with("amr", json!("mfa")), E::Malformed),
            (without("amr"), E::Method),
            (with("sub", json!("Anne Martin")), E::Name),
            (with("sub", json!(42)), E::Name),
            (without("sub"), E::Name),
        ] {
            assert_eq!(result.unwrap_err(), refused);
        }
    }

    #[test]
    fn clocks_may_differ_by_the_skew_and_no_more() {
        let with = |name: &str, value: i64| judged(|claims| drop(claims.insert(name.into(), json!(value))));
        assert!(with("exp", NOW - 59).is_ok() && with("nbf", NOW + 60).is_ok());
        assert_eq!(with("exp", i64::MIN).unwrap_err(), OperatorTokenError::Expired);
        assert_eq!(with("nbf", i64::MAX).unwrap_err(), OperatorTokenError::NotYet);
    }
}
