//! One request to a server outside: over TLS that is vouched for, or to this machine. No redirects: what is signed goes
//! where it was to go.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::NotifyError;
use super::authorities::certificates;

/// Where Debian keeps the authorities that it trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent: with a body a POST, without one a GET.
pub(super) struct Request<'a> {
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'a str, String)],
    pub(super) body: Option<&'a [u8]>,
}

/// Sends it, and is content with any answer of success.
pub(super) fn call(request: &Request<'_>, authorities: Option<&Path>) -> Result<(), NotifyError> {
    let Request { url, headers, body } = *request;
    let agent = agent(url, authorities)?;
    let sent = if let Some(body) = body {
        headers.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, value)).send(body)
    } else {
        headers.iter().fold(agent.get(url), |request, (name, value)| request.header(*name, value)).call()
    };
    let lost = |why: String| NotifyError::Unreachable { to: host(url), why };
    let answer = sent.map_err(|error| lost(NotifyError::said(&error.to_string())))?;
    if answer.status().is_success() { Ok(()) } else { Err(lost(format!("it answered {}", answer.status()))) }
}

/// The host alone: an address may hold a secret in its path.
fn host(url: &str) -> String {
    url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

fn agent(url: &str, authorities: Option<&Path>) -> Result<Agent, NotifyError> {
    let unusable = |why: &str| NotifyError::Address { what: host(url), why: why.to_owned() };
    let uri: Uri = url.parse().map_err(|_| unusable("it is no address"))?;
    let settings = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("coffre")
        .timeout_global(Some(PATIENCE));
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => Ok(settings.https_only(true).tls_config(tls(authorities)?).build().new_agent()),
        // Through no proxy that the environment names: that is not this machine.
        (Some("http"), Some(host)) if is_loopback(host) => Ok(settings.proxy(None).build().new_agent()),
        (Some("http"), Some(_)) => Err(unusable("it is not protected; use https beyond this machine")),
        _ => Err(unusable("it is no address; write https://…")),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn tls(authorities: Option<&Path>) -> Result<TlsConfig, NotifyError> {
    let trusted: Vec<Certificate<'static>> = certificates(authorities.unwrap_or(Path::new(AUTHORITIES)))?
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCerts::new_with_certs(&trusted);
    Ok(TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_and_no_secret_of_an_address_is_told() {
        for url in ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x"] {
            assert!(agent(url, None).is_ok(), "{url}");
        }
        for url in ["http://hooks.example/secret", "hooks.example/secret", "ftp://hooks.example/secret", ""] {
            let refused = agent(url, None).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
