//! The identity provider's keys, fetched from where it publishes them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffre_server::{JwksSource, OperatorOptions, ServeError, ServerOptions, serve};
use coffre_store::clock::SystemClock;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::authority::Authority;
use crate::running::{Answer, Caller, Running, make_vault, open_vault, policies};
use crate::verified_operators::{Key, claims, options};

/// A provider that answers every request alike.
struct Provider {
    authority: Authority,
    port: u16,
    answer: Arc<Mutex<String>>,
    fetches: Arc<AtomicUsize>,
}

impl Provider {
    async fn start() -> Self {
        let (authority, listener) = (Authority::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (port, acceptor) = (listener.local_addr().unwrap().port(), authority.acceptor());
        let (answer, fetches) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (answering, counting) = (Arc::clone(&answer), Arc::clone(&fetches));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    asked.push(byte);
                }
                assert!(asked.starts_with(b"GET /keys HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&asked));
                counting.fetch_add(1, Ordering::SeqCst);
                let answer = answering.lock().unwrap().clone();
                let _gone = stream.write_all(answer.as_bytes()).await;
                let _gone = stream.shutdown().await;
            }
        });
        let provider = Self { authority, port, answer, fetches };
        provider.answers("503 Service Unavailable", "");
        provider
    }

    fn answers(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\nlocation: /elsewhere\r\n\r\n{body}"
        );
    }

    fn publishes(&self, keys: &[serde_json::Value]) {
        self.answers("200 OK", &json!({ "keys": keys }).to_string());
    }

    fn options(&self) -> OperatorOptions {
        let url = format!("https://localhost:{}/keys", self.port);
        let jwks = JwksSource::Url { url, authorities: Some(self.authority.path("ca.pem")) };
        OperatorOptions { jwks, ..options(self.authority.path("").as_path()) }
    }

    async fn vault(&self) -> (Running, Caller) {
        let running = Running::start_with(|asked| {
            asked.operators = Some(self.options());
            asked.limits.reread = Duration::from_millis(10);
        });
        let vault = running.await;
        let dpo = vault.application("dpo", "dpo").await;
        (vault, dpo)
    }

    /// Waits until the vault has asked so many times more.
    async fn asked_again(&self, times: usize) {
        let enough = self.fetches.load(Ordering::SeqCst) + times;
        crate::documents::until("it asks again", || self.fetches.load(Ordering::SeqCst) >= enough).await;
    }
}

async fn with(dpo: &Caller, token: &str) -> Answer {
    dpo.clone().without("coffre-operator").with("coffre-operator-token", token).get("/v1/audit/entries?limit=1").await
}

/// Asks until the keys are there.
async fn accepted(dpo: &Caller, token: &str) {
    let mut answer = with(dpo, token).await;
    while answer.status == 403 {
        assert_eq!(answer.json()["cause"], "unknown-key");
        answer = with(dpo, token).await;
    }
    answer.ok();
}

#[tokio::test]
async fn keys_are_fetched_and_a_new_one_is_asked_for_when_a_token_names_it() {
    let provider = Provider::start().await;
    let (first, second) = (Key::ed25519(), Key::ed25519());
    let (_vault, dpo) = provider.vault().await;
    // The vault serves without its provider; nobody is believed meanwhile.
    provider.asked_again(2).await;
    dpo.get("/v1/audit/entries?limit=1").await.ok();
    let token = first.vouch("k1", &claims());
    assert_eq!(with(&dpo, &token).await.problem(403, "operator-not-verified")["cause"], "unknown-key");
    provider.publishes(&[first.public("k1")]);
    accepted(&dpo, &token).await;
    let fetched = provider.fetches.load(Ordering::SeqCst);
    for _ in 0..20 {
        with(&dpo, &token).await.ok();
    }
    // A token that was refused while the keys came may have asked once more.
    assert!(provider.fetches.load(Ordering::SeqCst) <= fetched + 1, "known keys are not asked for");
    // Changed over: the next token names the new key, and the former one is gone with the answer.
    provider.publishes(&[second.public("k2")]);
    accepted(&dpo, &second.vouch("k2", &claims())).await;
    assert_eq!(with(&dpo, &token).await.problem(403, "operator-not-verified")["cause"], "unknown-key");
}

#[tokio::test]
async fn what_is_no_set_of_keys_leaves_those_it_had() {
    let provider = Provider::start().await;
    let key = Key::ed25519();
    provider.publishes(&[key.public("k1")]);
    let (_vault, dpo) = provider.vault().await;
    let (token, unknown) = (key.vouch("k1", &claims()), key.vouch("k9", &claims()));
    accepted(&dpo, &token).await;
    let long = "x".repeat(300 * 1024);
    for (status, body) in [
        ("500 Internal Server Error", "{}"),
        ("302 Found", r#"{"keys":[]}"#),
        ("404 Not Found", ""),
        ("200 OK", ""),
        ("200 OK", "<html>"),
        ("200 OK", r#"{"keys":[]}"#),
        ("200 OK", long.as_str()),
    ] {
        provider.answers(status, body);
        with(&dpo, &unknown).await.problem(403, "operator-not-verified");
        provider.asked_again(2).await;
        with(&dpo, &token).await.ok();
    }
}

#[tokio::test]
async fn a_provider_that_nobody_certified_is_not_asked() {
    let (provider, stranger) = (Provider::start().await, Authority::new());
    let key = Key::ed25519();
    provider.publishes(&[key.public("k1")]);
    let mut operators = provider.options();
    let JwksSource::Url { authorities, .. } = &mut operators.jwks else { unreachable!("made as such") };
    *authorities = Some(stranger.path("ca.pem"));
    let vault = Running::start_with(|asked| {
        asked.operators = Some(operators.clone());
        asked.limits.reread = Duration::from_millis(10);
    })
    .await;
    let dpo = vault.application("dpo", "dpo").await;
    for _ in 0..20 {
        let refused = with(&dpo, &key.vouch("k1", &claims())).await;
        assert_eq!(refused.problem(403, "operator-not-verified")["cause"], "unknown-key");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(provider.fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_vault(&make_vault(folder.path()), Arc::new(SystemClock));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for authorities in [folder.path().join("absent.pem"), empty] {
        let jwks = JwksSource::Url { url: "https://localhost/keys".to_owned(), authorities: Some(authorities) };
        let operators = Some(OperatorOptions { jwks, ..options(folder.path()) });
        let asked = ServerOptions { operators, ..ServerOptions::on("127.0.0.1:0".parse().unwrap()) };
        let refused = serve(asked, store.clone(), policies()).await.unwrap_err();
        assert!(matches!(refused, ServeError::Operators(_)), "{refused}");
        assert!(refused.to_string().contains("holds no certificate of an authority: check [operators] jwks_ca"));
    }
    store.close();
}
