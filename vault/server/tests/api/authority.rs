//! A certificate authority of a test's own, made with the `openssl` command, and clients that hold its certificates.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use coffre_server::{ClientAuthority, TlsFiles};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::running::{Answer, Caller};

const CONFIGURATION: &str = "
[ca]
default_ca = test
[test]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = ca.pem
private_key = ca-key.pem
default_md = default
default_days = 2
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
";

/// An authority with its files.
pub(crate) struct Authority {
    folder: TempDir,
}

/// A certificate with its key, in PEM.
pub(crate) struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| authority.path(name);
        fs::write(at("openssl.cnf"), CONFIGURATION).unwrap();
        fs::write(at("index.txt"), "").unwrap();
        fs::write(at("serial"), "01").unwrap();
        fs::write(at("crlnumber"), "01").unwrap();
        authority.openssl(&[
            "req",
            "-config",
            "openssl.cnf",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=authority",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-addext",
            "subjectKeyIdentifier=hash",
            "-keyout",
            "ca-key.pem",
            "-out",
            "ca.pem",
        ]);
        authority.list("20991231235959Z");
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(made.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// A certificate with these alternative names, valid until a moment such as `20991231235959Z`.
    pub(crate) fn issue(&self, name: &str, alternative_names: &str, until: &str) -> Certificate {
        let (key, request, certificate) = (format!("{name}-key.pem"), format!("{name}.csr"), format!("{name}.pem"));
        let mut asked = vec!["req", "-config", "openssl.cnf", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x"];
        let names = format!("subjectAltName={alternative_names}");
        if !alternative_names.is_empty() {
            asked.extend(["-addext", &names]);
        }
        asked.extend(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out", &request]);
        self.openssl(&asked);
        self.openssl(&[
            "ca",
            "-batch",
            "-config",
            "openssl.cnf",
            "-notext",
            "-startdate",
            "20200101000000Z",
            "-enddate",
            until,
            "-in",
            &request,
            "-out",
            &certificate,
        ]);
        fs::set_permissions(self.path(&key), fs::Permissions::from_mode(0o600)).unwrap();
        Certificate { certificate: self.path(&certificate), key: self.path(&key) }
    }

    pub(crate) fn revoke(&self, certificate: &Certificate) {
        self.openssl(&["ca", "-config", "openssl.cnf", "-revoke", certificate.certificate.to_str().unwrap()]);
    }

    /// Publishes what is revoked, until the next list at a moment.
    pub(crate) fn list(&self, next: &str) {
        self.openssl(&[
            "ca",
            "-config",
            "openssl.cnf",
            "-gencrl",
            "-crl_lastupdate",
            "20200101000000Z",
            "-crl_nextupdate",
            next,
            "-out",
            "new.crl",
        ]);
        fs::rename(self.path("new.crl"), self.path("ca.crl")).unwrap();
    }

    /// The files of a server that this authority has certified, and that lets its clients in.
    pub(crate) fn server(&self, required: bool) -> TlsFiles {
        let Certificate { certificate, key } = self.issue("server", "DNS:localhost", "20991231235959Z");
        let (ca, crl) = (self.path("ca.pem"), Some(self.path("ca.crl")));
        TlsFiles { certificate, key, clients: Some(ClientAuthority { ca, crl, required }) }
    }

    /// How another server of `localhost` takes connections.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let Certificate { certificate, key } = self.issue("other", "DNS:localhost", "20991231235959Z");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![read(&certificate)], PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// How a client that trusts this authority connects, with a certificate or without.
    pub(crate) fn client(&self, certificate: Option<&Certificate>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(read(&self.path("ca.pem"))).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match certificate {
            Some(Certificate { certificate, key }) => {
                let key = PrivateKeyDer::from_pem_file(key).unwrap();
                builder.with_client_auth_cert(vec![read(certificate)], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    }
}

/// The certificate that a server shows.
pub(crate) async fn served(address: SocketAddr, client: &TlsConnector) -> CertificateDer<'static> {
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

pub(crate) fn read(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// A connection that stays open between requests.
pub(crate) struct Line(SendRequest<Full<Bytes>>);

impl Line {
    /// Connects; fails where the handshake does, at the latest when the first answer is read.
    pub(crate) async fn open(address: SocketAddr, client: &TlsConnector) -> Option<Self> {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let mut line = Self(sender);
        line.get("/healthz", None).await.map(|_| line)
    }

    /// Sends a request with the headers of a caller; `None` where the connection is closed.
    pub(crate) async fn get(&mut self, path: &str, caller: Option<&Caller>) -> Option<Answer> {
        self.0.ready().await.ok()?;
        let mut request = hyper::Request::get(path).body(Full::default()).unwrap();
        if let Some(caller) = caller {
            *request.headers_mut() = caller.headers.clone();
        }
        request.headers_mut().insert("host", "localhost".try_into().unwrap());
        let (parts, body) = self.0.send_request(request).await.ok()?.into_parts();
        Some(Answer { status: parts.status, headers: parts.headers, body: body.collect().await.ok()?.to_bytes() })
    }
}
