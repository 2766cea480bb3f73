//! Applications that prove themselves by client certificates, over real TLS with keys made here.

use std::time::Duration;

use coffre_server::{ServeError, ServerOptions, TlsFile, TlsFiles, serve, tls_ends};
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::json;

use crate::authority::{self, Authority, Line};
use crate::running::{Running, make_vault, open_vault, policies};

const ALWAYS: &str = "20991231235959Z";
const HEAD: &str = "/v1/audit/tree-head";

async fn start(authority: &Authority, required: bool) -> Running {
    let tls = authority.server(required);
    let vault = Running::start_with(|options| {
        options.tls = Some(tls);
        options.limits.reread = Duration::from_millis(10);
    })
    .await;
    let asked = json!({"name": "archive", "role": "backup", "san_uri": "coffre:application:archive"});
    let added = vault.control("control.sock").post("/v1/applications", &asked).await.ok().json();
    assert_eq!((&added["token"], &added["san_uri"]), (&json!(null), &json!("coffre:application:archive")));
    vault
}

#[tokio::test]
async fn a_certificate_names_its_application_by_uri() {
    let authority = Authority::new();
    let vault = start(&authority, true).await;
    let address = vault.serving.address();
    let crm = authority.issue("archive", "DNS:archive.example,URI:coffre:application:archive,URI:urn:x", ALWAYS);
    let mut line = Line::open(address, &authority.client(Some(&crm))).await.unwrap();
    let answer = line.get(HEAD, None).await.unwrap().ok();
    let leaf = vault.store.snapshot().unwrap().entries(answer.entry(), 1).unwrap().remove(0).leaf;
    assert!(String::from_utf8_lossy(&leaf).contains("\"application_name\":\"archive\""));

    // A token that is sent says who calls, and a wrong one is not saved by the certificate.
    let wrong = vault.caller().with_token(&format!("coffre_{}", "A".repeat(43)));
    line.get(HEAD, Some(&wrong)).await.unwrap().problem(401, "unauthenticated");

    for (name, names) in [("nameless", ""), ("other", "URI:coffre:application:other"), ("dns", "DNS:archive")] {
        let unknown = authority.issue(name, names, ALWAYS);
        let mut line = Line::open(address, &authority.client(Some(&unknown))).await.unwrap();
        line.get(HEAD, None).await.unwrap().problem(401, "unauthenticated");
    }
    vault.control("control.sock").tell("/v1/applications/archive/revoke").await.ok();
    line.get(HEAD, None).await.unwrap().problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_certificate_that_names_two_applications_names_none() {
    let authority = Authority::new();
    let vault = start(&authority, true).await;
    let control = vault.control("control.sock");
    let asked = |uri: &str| json!({"name": "second", "role": "backup", "san_uri": uri});
    control.post("/v1/applications", &asked("coffre:application:archive")).await.problem(409, "uri-taken");
    control.post("/v1/applications", &asked("no uri")).await.problem(422, "not-a-uri");
    control.post("/v1/applications", &asked("coffre:application:second")).await.ok();
    let both = authority.issue("both", "URI:coffre:application:archive,URI:coffre:application:second", ALWAYS);
    let mut line = Line::open(vault.serving.address(), &authority.client(Some(&both))).await.unwrap();
    line.get(HEAD, None).await.unwrap().problem(401, "unauthenticated");
    let rotated = control.post("/v1/applications/second/rotate", &json!({"overlap_hours": 1})).await;
    rotated.problem(409, "no-token");
}

#[tokio::test]
async fn without_a_sound_certificate_nobody_comes_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let vault = start(&authority, true).await;
    let address = vault.serving.address();
    let names = "URI:coffre:application:archive";
    let ended = authority.issue("ended", names, "20200102000000Z");
    let forged = stranger.issue("forged", names, ALWAYS);
    assert!(Line::open(address, &authority.client(None)).await.is_none(), "no certificate");
    assert!(Line::open(address, &authority.client(Some(&ended))).await.is_none(), "an expired one");
    assert!(Line::open(address, &authority.client(Some(&forged))).await.is_none(), "one of another authority");
}

#[tokio::test]
async fn where_a_certificate_is_optional_a_token_will_do() {
    let authority = Authority::new();
    let vault = start(&authority, false).await;
    let by_token = vault.application("cobol", "legal").await;
    let mut line = Line::open(vault.serving.address(), &authority.client(None)).await.unwrap();
    line.get(HEAD, Some(&by_token)).await.unwrap().ok();
    line.get(HEAD, None).await.unwrap().problem(401, "unauthenticated");
    let certificate = authority.issue("archive", "URI:coffre:application:archive", ALWAYS);
    let mut line = Line::open(vault.serving.address(), &authority.client(Some(&certificate))).await.unwrap();
    line.get(HEAD, None).await.unwrap().ok();
    // An expired certificate is refused even so.
    let ended = authority.issue("ended", "URI:coffre:application:archive", "20200102000000Z");
    assert!(Line::open(vault.serving.address(), &authority.client(Some(&ended))).await.is_none());
}

#[tokio::test]
async fn a_revoked_certificate_loses_its_open_connection_and_gets_no_other() {
    let authority = Authority::new();
    let vault = start(&authority, true).await;
    let (address, names) = (vault.serving.address(), "URI:coffre:application:archive");
    let (revoked, other) = (authority.issue("revoked", names, ALWAYS), authority.issue("other", names, ALWAYS));
    let mut line = Line::open(address, &authority.client(Some(&revoked))).await.unwrap();
    line.get(HEAD, None).await.unwrap().ok();
    authority.revoke(&revoked);
    authority.list(ALWAYS);
    let mut tries = 0;
    while line.get(HEAD, None).await.is_some() {
        tries += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(tries < 30_000, "the connection outlives the certificate");
    }
    assert!(Line::open(address, &authority.client(Some(&revoked))).await.is_none());
    assert!(Line::open(address, &authority.client(Some(&other))).await.is_some(), "others are let in as before");

    // A list that should have been replaced by now refuses everybody until it is.
    authority.list("20200102000000Z");
    let client = authority.client(Some(&other));
    until_shut(address, &client).await;
    authority.list(ALWAYS);
    let mut open = Line::open(address, &client).await;
    while open.is_none() {
        open = Line::open(address, &client).await;
    }
}

/// A moment in some seconds, without its fraction: what is to be done before it is done by then on a busy machine, too.
fn soon() -> String {
    SystemClock.now().plus_seconds(12).to_string().chars().take(19).collect()
}

fn as_openssl_has_it(moment: &str) -> String {
    format!("{}Z", moment.chars().filter(char::is_ascii_digit).collect::<String>())
}

#[tokio::test]
async fn a_certificate_that_ends_is_refused_on_its_open_connection_whatever_comes_with_it() {
    let authority = Authority::new();
    let vault = start(&authority, true).await;
    let by_token = vault.application("cobol", "legal").await;
    let certificate = authority.issue("short", "URI:coffre:application:archive", &as_openssl_has_it(&soon()));
    let mut line = Line::open(vault.serving.address(), &authority.client(Some(&certificate))).await.unwrap();
    line.get(HEAD, None).await.unwrap().ok();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    while line.get(HEAD, Some(&by_token)).await.unwrap().status == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(tokio::time::Instant::now() < deadline, "the connection outlives the certificate");
    }
    for caller in [None, Some(&by_token)] {
        line.get(HEAD, caller).await.unwrap().problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_list_of_revoked_certificates_that_ends_ends_the_connections_that_it_let_in() {
    let authority = Authority::new();
    let vault = start(&authority, true).await;
    let address = vault.serving.address();
    let certificate = authority.issue("archive", "URI:coffre:application:archive", ALWAYS);
    let client = authority.client(Some(&certificate));
    let mut before = Line::open(address, &client).await.unwrap();
    let end = soon();
    authority.list(&as_openssl_has_it(&end));
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    let until_ended = async |line: &mut Line| {
        while line.get(HEAD, None).await.is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(tokio::time::Instant::now() < deadline, "the connection outlives the list");
        }
    };
    // By the former list; from then on by the new one.
    until_ended(&mut before).await;
    let mut line = Line::open(address, &client).await.unwrap();
    until_ended(&mut line).await;
    assert!(SystemClock.now().to_string() >= end, "it was not let in for as long as the list was good");
    assert!(Line::open(address, &client).await.is_none(), "nobody knows whether it is revoked");
}

async fn until_shut(address: std::net::SocketAddr, client: &tokio_rustls::TlsConnector) {
    while Line::open(address, client).await.is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_renewed_server_certificate_is_served_without_a_restart() {
    let authority = Authority::new();
    let tls = authority.server(false);
    let certificate = tls.certificate.clone();
    let vault = Running::start_with(|options| {
        options.tls = Some(tls);
        options.limits.reread = Duration::from_millis(10);
    })
    .await;
    let before = std::fs::read(&certificate).unwrap();
    // What cannot be used is not put in force.
    std::fs::write(&certificate, "nothing").unwrap();
    assert!(Line::open(vault.serving.address(), &authority.client(None)).await.is_some());
    authority.server(false);
    assert_ne!(std::fs::read(&certificate).unwrap(), before);
    let (address, client) = (vault.serving.address(), authority.client(None));
    let new = authority::read(&certificate);
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while authority::served(address, &client).await != new {
        assert!(tokio::time::Instant::now() < deadline, "the former certificate is served on");
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_is_refused_at_the_start() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let store = open_vault(&make_vault(folder.path()), std::sync::Arc::new(SystemClock));
    let sound = authority.server(true);
    let refuse = async |change: &dyn Fn(&mut coffre_server::ClientAuthority)| {
        let mut tls: TlsFiles = sound.clone();
        change(tls.clients.as_mut().unwrap());
        let options = ServerOptions { tls: Some(tls), ..ServerOptions::on("127.0.0.1:0".parse().unwrap()) };
        let refused = serve(options, store.clone(), policies()).await.unwrap_err();
        assert!(matches!(refused, ServeError::Tls(_)));
        refused.to_string()
    };
    let key = sound.key.clone();
    assert!(refuse(&|clients| clients.ca = "/nowhere/ca.pem".into()).await.contains("/nowhere/ca.pem cannot be read"));
    assert!(refuse(&|clients| clients.ca.clone_from(&key)).await.contains("holds no certificate"));
    let text = refuse(&|clients| clients.crl = Some(key.clone())).await;
    assert!(text.contains("holds no list of revoked certificates (X509 CRL)"), "{text}");
    store.close();
}

#[test]
fn until_when_each_file_is_good_is_told_without_a_server() {
    let authority = Authority::new();
    let mut files = authority.server(true);
    authority.list("20300102030405Z");
    let ends = tls_ends(&files);
    let told = |at: usize| (ends[at].file, ends[at].end.as_ref().unwrap().unwrap().to_string());
    assert_eq!(told(0), (TlsFile::Certificate, "2099-12-31T23:59:59.000000Z".to_owned()));
    assert_eq!(told(1).0, TlsFile::ClientAuthority);
    assert_eq!(told(2), (TlsFile::Revoked, "2030-01-02T03:04:05.000000Z".to_owned()));
    // A chain is good as long as all of it is.
    authority.issue("short", "DNS:localhost", "20310102030405Z");
    let chain = [&files.certificate, &authority.path("short.pem")].map(|path| std::fs::read(path).unwrap()).concat();
    std::fs::write(authority.path("chain.pem"), chain).unwrap();
    files.certificate = authority.path("chain.pem");
    files.clients = None;
    let ends = tls_ends(&files);
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].end.as_ref().unwrap().unwrap().to_string(), "2031-01-02T03:04:05.000000Z");
    files.certificate = authority.path("gone.pem");
    assert!(tls_ends(&files)[0].end.is_err());
}
