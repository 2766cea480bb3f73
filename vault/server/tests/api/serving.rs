//! Listening and stopping: loopback or TLS, slow clients, requests in flight at the end.

use std::sync::Arc;
use std::time::Duration;

use coffre_server::{ServeError, ServerOptions, TlsFiles, serve};
use hyper::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::running::{Running, anne, create, exchange, make_vault, open_vault, policies};

#[tokio::test]
async fn nothing_listens_beyond_loopback_without_tls() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_vault(&make_vault(folder.path()), Arc::new(coffre_store::clock::SystemClock));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = serve(ServerOptions::on(address.parse().unwrap()), store.clone(), policies()).await.unwrap_err();
        assert!(matches!(refused, ServeError::BeyondLoopback { .. }), "{refused}");
        assert!(refused.to_string().ends_with("configure a certificate and key, or listen on 127.0.0.1"));
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ServerOptions::on(taken.local_addr().unwrap());
    assert!(matches!(serve(options, store.clone(), policies()).await.unwrap_err(), ServeError::Bind { .. }));
    store.close();
}

fn certificate(folder: &std::path::Path) -> TlsFiles {
    use std::os::unix::fs::PermissionsExt as _;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    TlsFiles { certificate, key, clients: None }
}

#[tokio::test]
async fn with_a_certificate_the_api_speaks_tls() {
    let keys = tempfile::tempdir().unwrap();
    let vault = Running::start_with(|options| {
        options.tls = Some(certificate(keys.path()));
    })
    .await;
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(keys.path().join("certificate.pem")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let port = vault.serving.address().port();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request =
        hyper::Request::get("/readyz").header("host", "localhost").body(http_body_util::Full::default()).unwrap();
    let answer = exchange(stream, request).await;
    assert_eq!(answer.status, StatusCode::OK);
    // Somebody who speaks plain HTTP to it gets no HTTP.
    let mut plain = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    plain.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _closed = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_key_that_everybody_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = open_vault(&make_vault(folder.path()), Arc::new(coffre_store::clock::SystemClock));
    let refuse = async |tls: TlsFiles| {
        let options = ServerOptions { tls: Some(tls), ..ServerOptions::on("127.0.0.1:0".parse().unwrap()) };
        serve(options, store.clone(), policies()).await.unwrap_err().to_string()
    };
    assert!(refuse(files.clone()).await.ends_with("run `chmod 600` on it"));
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let swapped = TlsFiles { certificate: files.key.clone(), ..files.clone() };
    assert!(refuse(swapped).await.contains("holds no certificate"));
    let missing = TlsFiles { certificate: folder.path().join("none.pem"), ..files };
    assert!(refuse(missing).await.contains("cannot be read"));
    store.close();
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let mut stream = legal.connect().await;
    let head = format!(
        "POST {record}/documents?purpose=billing HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 600000\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![1; 300_000]).await.unwrap();
    crate::documents::until("the upload is staged", || !crate::bad_requests::staged(&vault).is_empty()).await;
    vault.serving.stop().now();
    let address = vault.serving.address();
    let refused = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), refused).await.unwrap();
    stream.write_all(&vec![1; 300_000]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    vault.serving.stopped().await;
}

#[tokio::test]
async fn whoever_takes_too_long_is_sent_away() {
    let vault = Running::start_with(|options| {
        // Long enough for whoever takes no time but that of a busy machine.
        options.limits.head = Duration::from_secs(1);
        options.limits.body = Duration::from_secs(1);
        options.limits.document = Duration::from_secs(2);
        options.limits.stop = Duration::from_millis(100);
    })
    .await;
    let legal = vault.application("cobol", "legal").await;
    let mut slow_head = legal.connect().await;
    slow_head.write_all(b"GET /healthz HTT").await.unwrap();
    let mut answer = Vec::new();
    slow_head.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));

    let mut slow_body = legal.connect().await;
    let head = format!(
        "POST /v1/records/policyholder?purpose=billing HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{{",
        legal.headers["authorization"].to_str().unwrap()
    );
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    slow_body.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too-slow"), "{answer}");

    // Nor is a document waited for without end, however steadily it drips.
    let record = create(&legal, &anne()).await;
    let (mut answers, mut document) = legal.connect().await.into_split();
    let dripping_head = format!(
        "POST {record}/documents?purpose=billing HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 600000\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    document.write_all(dripping_head.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while document.write_all(&[1]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut answer = [0; 12];
    answers.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    dripping.abort();
    crate::documents::until("nothing is left of it", || crate::bad_requests::staged(&vault).is_empty()).await;

    // A request that does not end is cut off when the server has waited long enough.
    let mut unfinished = legal.connect().await;
    unfinished.write_all(head.as_bytes()).await.unwrap();
    vault.serving.stop().now();
    tokio::time::timeout(Duration::from_mins(1), vault.serving.stopped()).await.unwrap();
}
