//! TLS for the API (rustls, 1.2 and 1.3), from PEM files: the server's certificate and key, and the authority whose
//! certificates clients prove themselves with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coffre_core::time::Timestamp;
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::error::TlsError;
use crate::authentication::next_update;
use crate::options::{ClientAuthority, TlsFiles};

/// How TLS connections are taken.
pub(super) struct Taking {
    pub(super) config: Arc<ServerConfig>,
    /// When the lists of revoked certificates end.
    lists_end: Vec<Timestamp>,
}

impl Taking {
    /// How long it is until the next list ends: who is inside by then must prove themselves anew.
    pub(super) fn lasts(&self, now: Timestamp) -> Option<Duration> {
        let left = |end: &Timestamp| u64::try_from(end.as_micros().saturating_sub(now.as_micros())).ok();
        self.lists_end.iter().filter_map(left).filter(|micros| *micros > 0).min().map(Duration::from_micros)
    }
}

/// All files that a configuration is made from.
pub(super) fn files(tls: &TlsFiles) -> Vec<PathBuf> {
    let clients = tls.clients.iter().flat_map(|clients| std::iter::once(&clients.ca).chain(&clients.crl));
    [&tls.certificate, &tls.key].into_iter().chain(clients).cloned().collect()
}

/// How to take TLS connections.
pub(super) fn taking(files: &TlsFiles) -> Result<Taking, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let certificates = certificates(&files.certificate)?;
    check_private(&files.key)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| pem(&files.key, "private key", source))?;
    let crl = files.clients.as_ref().and_then(|clients| clients.crl.as_deref());
    let lists = crl.map(revoked).transpose()?.unwrap_or_default();
    let lists_end = lists.iter().filter_map(|list| next_update(list)).collect();
    let verifier = files.clients.as_ref().map(|clients| verifier(clients, lists, &provider)).transpose()?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Mismatch)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if files.clients.is_some() {
        // A resumed session would bring back a client that was verified before its certificate was revoked.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Taking { config: Arc::new(config), lists_end })
}

/// Clients' certificates are of this authority, within their dates, and not on its list of revoked ones; a list that
/// is older than it says it may be is no list.
fn verifier(
    clients: &ClientAuthority,
    lists: Vec<CertificateRevocationListDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unusable =
        |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authority { path: clients.ca.clone(), source };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&clients.ca)? {
        roots.add(certificate).map_err(|error| unusable(error.into()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(lists)
        .enforce_revocation_expiration();
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| unusable(error.into()))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| pem(path, "certificate", source);
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() { Err(wrong(PemError::NoItemsFound)) } else { Ok(found) }
}

pub(super) fn revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let wrong = |source| pem(path, "list of revoked certificates (X509 CRL)", source);
    let lists = CertificateRevocationListDer::pem_file_iter(path).map_err(wrong)?;
    let found: Vec<_> = lists.collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() { Err(wrong(PemError::NoItemsFound)) } else { Ok(found) }
}

fn pem(path: &Path, what: &'static str, source: PemError) -> TlsError {
    match source {
        PemError::Io(source) => TlsError::Read { path: path.to_owned(), source },
        source => TlsError::Pem { path: path.to_owned(), what, source },
    }
}

fn check_private(path: &Path) -> Result<(), TlsError> {
    let read = |source| TlsError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(read)?.permissions().mode() & 0o007 != 0 {
        return Err(TlsError::Permissions { path: path.to_owned() });
    }
    Ok(())
}
