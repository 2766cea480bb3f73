//! The identity provider, asked for its keys over HTTPS: the one thing that the vault connects to. Nothing is sent to it
//! but the request, no redirect is followed, and what it answers is public.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::jwks::{JwksError, KeySet, LARGEST};

/// The authorities that the system trusts, on Debian and what is made of it.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Longer than any answer of this size takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the keys are published.
pub(crate) struct Provider {
    agent: Agent,
    url: String,
}

impl Provider {
    pub(crate) fn new(url: &str, authorities: Option<&Path>) -> Result<Self, JwksError> {
        let path = authorities.unwrap_or(Path::new(AUTHORITIES));
        let unusable = |source| JwksError::Authorities { path: path.to_owned(), source };
        let pem = fs::read(path).map_err(unusable)?;
        let trusted: Vec<Certificate<'static>> = CertificateDer::pem_slice_iter(&pem)
            .filter_map(Result::ok)
            .map(|certificate| Certificate::from_der(&certificate).to_owned())
            .collect();
        if trusted.is_empty() {
            return Err(unusable(io::ErrorKind::InvalidData.into()));
        }
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&trusted))
            .build();
        let settings = Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .user_agent("coffre")
            .timeout_global(Some(PATIENCE))
            .tls_config(tls);
        Ok(Self { agent: settings.build().new_agent(), url: url.to_owned() })
    }

    /// Fetches them. Blocks.
    pub(crate) fn fetch(&self) -> Result<KeySet, JwksError> {
        let failed = |source| JwksError::Fetch { url: self.url.clone(), source };
        let answer = self.agent.get(&self.url).call().map_err(|error| failed(error.into_io()))?;
        if answer.status().as_u16() != 200 {
            return Err(failed(io::Error::other(format!("it answered {}", answer.status()))));
        }
        let mut bytes = Vec::new();
        answer.into_body().into_reader().take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        KeySet::parse(&bytes, &self.url)
    }
}
