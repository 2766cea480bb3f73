//! Operators that the identity provider vouches for, and the forgeries that are not believed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_core::role::Role;
use coffre_server::{JwksSource, OperatorOptions, ServeError, ServerOptions, serve};
use coffre_store::clock::{Clock as _, SystemClock};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::running::{Answer, Caller, Running, anne, create, make_vault, open_vault, policies};

const READ: &str = "?fields=contact.email&purpose=contract-administration";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of the identity provider.
pub(crate) enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(crate) fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn p256() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap())
    }

    fn rsa() -> Self {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(&made.stdout).unwrap();
        Self::Rsa(RsaKeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn public(&self, id: &str) -> Value {
        match self {
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": encode(key.public_key())})
            }
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "x": encode(x), "y": encode(y)})
            }
            Self::Rsa(key) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": id, "n": encode(n), "e": encode(e)})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::P256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    pub(crate) fn vouch(&self, id: &str, claims: &Value) -> String {
        self.token(&json!({"alg": self.algorithm(), "kid": id, "typ": "JWT"}), claims)
    }
}

pub(crate) fn claims() -> Value {
    let now = SystemClock.now().as_seconds();
    json!({
        "iss": "https://login.example", "aud": "coffre", "sub": "a.martin", "amr": ["pwd", "mfa"],
        "iat": now, "exp": now + 300,
    })
}

fn publish(folder: &Path, keys: &[Value]) {
    fs::write(folder.join("new.json"), json!({"keys": keys}).to_string()).unwrap();
    fs::rename(folder.join("new.json"), folder.join("jwks.json")).unwrap();
}

pub(crate) fn options(folder: &Path) -> OperatorOptions {
    OperatorOptions {
        issuer: "https://login.example".to_owned(),
        audience: "coffre".to_owned(),
        jwks: JwksSource::File(folder.join("jwks.json")),
        claim: "sub".to_owned(),
        methods: vec!["mfa".to_owned()],
        clock_skew_seconds: 60,
        require_verified: vec![Role::Legal],
    }
}

/// A vault whose Legal acts for verified operators only, a record in it, and the application.
pub(crate) struct Company {
    pub(crate) vault: Running,
    keys: TempDir,
    pub(crate) key: Key,
    pub(crate) legal: Caller,
    pub(crate) path: String,
}

impl Company {
    pub(crate) async fn start() -> Self {
        let (keys, key) = (tempfile::tempdir().unwrap(), Key::ed25519());
        publish(keys.path(), &[key.public("k1")]);
        let vault = Running::start_with(|asked| {
            asked.operators = Some(options(keys.path()));
            asked.limits.reread = Duration::from_millis(10);
        })
        .await;
        let legal = vault.application("cobol", "legal").await.without("coffre-operator");
        let vouched = legal.clone().with("coffre-operator-token", &key.vouch("k1", &claims()));
        let path = format!("{}{READ}", create(&vouched, &anne()).await);
        Self { vault, keys, key, legal, path }
    }

    async fn read(&self, token: &str) -> Answer {
        self.legal.clone().with("coffre-operator-token", token).get(&self.path).await
    }

    async fn refused(&self, token: &str, cause: &str) {
        let problem = self.read(token).await.problem(403, "operator-not-verified");
        assert_eq!(problem["cause"], cause, "{problem}");
    }
}

#[tokio::test]
async fn the_log_names_verified_operators_as_such_by_every_algorithm() {
    let company = Company::start().await;
    let (rsa, p256) = (Key::rsa(), Key::p256());
    let all = [company.key.public("k1"), rsa.public("k2"), p256.public("k3")];
    publish(company.keys.path(), &all);
    for (key, id) in [(&company.key, "k1"), (&rsa, "k2"), (&p256, "k3")] {
        let token = key.vouch(id, &claims());
        let mut answer = company.read(&token).await;
        while answer.status == 403 {
            assert_eq!(answer.json()["cause"], "unknown-key", "the new keys are read soon");
            answer = company.read(&token).await;
        }
        let index = answer.ok().entry();
        let leaf = company.vault.store.snapshot().unwrap().entries(index, 1).unwrap().remove(0).leaf;
        let entry: Value = serde_json::from_slice(&leaf).unwrap();
        assert_eq!((&entry["operator"], &entry["operator_known"]), (&json!("a.martin"), &json!("verified")));
    }
}

#[tokio::test]
async fn where_verified_operators_are_required_a_name_alone_is_refused() {
    let company = Company::start().await;
    let size = company.vault.store.tree_head().size;
    let asserted = company.legal.clone().for_operator("a.martin");
    let problem = asserted.get(&company.path).await.problem(403, "verified-operator-required");
    assert!(problem["detail"].as_str().unwrap().ends_with("in the header Coffre-Operator-Token"), "{problem}");
    company.legal.get(&company.path).await.problem(400, "operator-required");
    assert_eq!(company.vault.store.tree_head().size, size);
    // Another role may still name whom it acts for, and the log says that it only does so.
    let dpo = company.vault.application("dpo", "dpo").await;
    let index = dpo.get("/v1/audit/entries?limit=1").await.ok().entry();
    let leaf = company.vault.store.snapshot().unwrap().entries(index, 1).unwrap().remove(0).leaf;
    assert!(String::from_utf8_lossy(&leaf).contains("\"operator_known\":\"asserted\""));
}

#[tokio::test]
async fn a_name_beside_the_token_must_be_the_same_and_each_is_sent_once() {
    let company = Company::start().await;
    let token = company.key.vouch("k1", &claims());
    let with = company.legal.clone().with("coffre-operator-token", &token);
    with.clone().for_operator("a.martin").get(&company.path).await.ok();
    with.clone().for_operator("j.bond").get(&company.path).await.problem(400, "malformed-operator");
    let mut twice = with.clone();
    twice.headers.append("coffre-operator-token", token.as_str().try_into().unwrap());
    twice.get(&company.path).await.problem(400, "malformed-operator");
}

#[tokio::test]
async fn forged_tokens_vouch_for_nobody() {
    let company = Company::start().await;
    let (key, stranger) = (&company.key, Key::ed25519());
    let good = key.vouch("k1", &claims());
    company.read(&good).await.ok();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();

    // No algorithm, in every spelling, with and without the good signature.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(json!({"alg": none, "kid": "k1"}).to_string());
        company.refused(&format!("{header}.{payload}."), "algorithm").await;
        company.refused(&format!("{header}.{payload}.{signature}"), "algorithm").await;
    }
    // The public key as a shared secret.
    let Key::Ed25519(pair) = key else { unreachable!("made as such") };
    for secret in [pair.public_key().as_ref().to_vec(), key.public("k1").to_string().into_bytes()] {
        let signed = format!("{}.{payload}", encode(json!({"alg": "HS256", "kid": "k1"}).to_string()));
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let tag = ring::hmac::sign(&secret, signed.as_bytes());
        company.refused(&format!("{signed}.{}", encode(tag)), "algorithm").await;
    }
    // An accepted algorithm that is not the key's.
    company.refused(&key.token(&json!({"alg": "ES256", "kid": "k1"}), &claims()), "algorithm").await;
    // A key that is not the provider's, brought along, pointed at, or under a known name.
    company.refused(&stranger.vouch("k9", &claims()), "unknown-key").await;
    company.refused(&key.token(&json!({"alg": "EdDSA"}), &claims()), "unknown-key").await;
    company.refused(&stranger.vouch("k1", &claims()), "signature").await;
    let brought =
        json!({"alg": "EdDSA", "kid": "k9", "jwk": stranger.public("k9"), "jku": "https://evil.example/jwks"});
    company.refused(&stranger.token(&brought, &claims()), "unknown-key").await;
    // Something changed after it was signed.
    let mut other = claims();
    other["sub"] = json!("j.bond");
    company.refused(&format!("{header}.{}.{signature}", encode(other.to_string())), "signature").await;
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    company.refused(&format!("{signed}.{flipped}{}", &signature[1..]), "signature").await;
    // What a reader would have to understand, another kind of token, and what is no token.
    company
        .refused(
            &key.token(&json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"], "b64": false}), &claims()),
            "malformed",
        )
        .await;
    company
        .refused(&key.token(&json!({"alg": "EdDSA", "kid": "k1", "typ": "logout+jwt"}), &claims()), "malformed")
        .await;
    for text in ["", "x", "a.b", "a.b.c", "a.b.c.d", &format!("{good}."), &format!("{good}=")] {
        company.refused(text, "malformed").await;
    }
    let mut long = claims();
    long["padding"] = json!("x".repeat(8 * 1024));
    company.refused(&key.vouch("k1", &long), "too-long").await;
    let metrics = company.vault.caller().get("/metrics").await.text();
    assert!(metrics.contains("coffre_operator_tokens_refused_total{cause=\"too-long\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("martin") && !metrics.contains("bond"));
}

#[tokio::test]
async fn signed_claims_must_be_for_here_and_now() {
    let company = Company::start().await;
    let now = company.vault.store.now().as_seconds();
    for (claim, value, cause) in [
        ("iss", json!("https://login.example/"), "issuer"),
        ("aud", json!("billing"), "audience"),
        ("aud", json!(["billing", "crm"]), "audience"),
        ("exp", json!(now - 3600), "expired"),
        ("exp", json!("9999999999"), "malformed"),
        ("exp", json!(null), "malformed"),
        ("nbf", json!(now + 3600), "not-yet-valid"),
        ("amr", json!(["pwd"]), "method"),
        ("sub", json!("Anne Martin"), "name"),
    ] {
        let mut changed = claims();
        changed[claim] = value;
        company.refused(&company.key.vouch("k1", &changed), cause).await;
    }
    // A token that was good is not when its time has passed, the skew included.
    let token = company.key.vouch("k1", &claims());
    company.vault.clock.pass_seconds(300);
    company.read(&token).await.ok();
    company.vault.clock.pass_seconds(61);
    company.refused(&token, "expired").await;
}

#[tokio::test]
async fn a_key_that_the_provider_withdrew_vouches_for_nobody() {
    let company = Company::start().await;
    let (old, new) = (company.key.vouch("k1", &claims()), Key::p256());
    publish(company.keys.path(), &[new.public("k2")]);
    let mut answer = company.read(&old).await;
    while answer.status == 200 {
        answer = company.read(&old).await;
    }
    assert_eq!(answer.problem(403, "operator-not-verified")["cause"], "unknown-key");
    company.read(&new.vouch("k2", &claims())).await.ok();
}

#[tokio::test]
async fn without_an_identity_provider_a_token_is_refused_rather_than_ignored() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await.with("coffre-operator-token", "a.b.c");
    let problem = legal.get("/v1/audit/tree-head").await.problem(400, "malformed-operator");
    assert!(problem["detail"].as_str().unwrap().contains("configure [operators]"), "{problem}");
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_vault(&make_vault(folder.path()), std::sync::Arc::new(SystemClock));
    let start = async || {
        let operators = Some(options(folder.path()));
        let asked = ServerOptions { operators, ..ServerOptions::on("127.0.0.1:0".parse().unwrap()) };
        let refused = serve(asked, store.clone(), policies()).await.unwrap_err();
        assert!(matches!(refused, ServeError::Operators(_)), "{refused}");
        refused.to_string()
    };
    assert!(start().await.contains("cannot be read: check [operators] jwks in coffre.toml"));
    publish(folder.path(), &[]);
    assert!(start().await.contains("holds no usable key"));
    store.close();
}
