//! The section `[server]`: where a vault is served, and who may use which socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::joined;
use crate::accounts::Account;

/// Where the server listens unless told otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7117);

/// The section `[server]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// The address of the API; loopback unless TLS is configured.
    pub(crate) listen: SocketAddr,
    /// The server identity that opens the root key; in the vault's directory unless named.
    pub(crate) identity: Option<PathBuf>,
    /// The systemd credential that holds it instead: a file name in `$CREDENTIALS_DIRECTORY`.
    pub(crate) identity_credential: Option<String>,
    /// For the vault's own user (0600); in the vault's `run` directory unless named.
    pub(crate) control_socket: Option<PathBuf>,
    /// For the backup account (0660): blind verbs only.
    pub(crate) backup_socket: Option<PathBuf>,
    /// The accounts that may use it, besides the vault's own.
    pub(crate) backup_accounts: Vec<Account>,
    /// The groups whose accounts may use it: those that have one as their primary group.
    pub(crate) backup_groups: Vec<Account>,
    /// Megabytes of the vault's disk that are kept for what must be possible when it is full; 0 for none.
    pub(crate) reserve_mb: u64,
    /// What the API proves itself with; needed to listen beyond loopback.
    pub(crate) tls: Option<Tls>,
}

/// The section `[server.tls]`: files in PEM.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate, then those between it and the root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// The authority whose certificates clients prove themselves with.
    pub(crate) client_ca: Option<PathBuf>,
    /// What that authority has revoked.
    pub(crate) client_crl: Option<PathBuf>,
    /// Whether clients need a certificate.
    pub(crate) client_certificates: Option<ClientCertificates>,
}

/// Whether clients need a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientCertificates {
    /// A certificate or a token.
    Optional,
    /// A certificate, and beside it a token where the application has one.
    Required,
}

impl Tls {
    fn check(&self) -> Result<(), &'static str> {
        if self.client_ca.is_none() && (self.client_crl.is_some() || self.client_certificates.is_some()) {
            return Err(
                "[server.tls] says how clients are verified but not by whom: add client_ca, or remove client_crl \
                        and client_certificates",
            );
        }
        Ok(())
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            identity: None,
            identity_credential: None,
            control_socket: None,
            backup_socket: None,
            backup_accounts: Vec::new(),
            backup_groups: Vec::new(),
            reserve_mb: 32,
            tls: None,
        }
    }
}

impl Server {
    /// What contradicts itself, and its remedy.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.identity.is_some() && self.identity_credential.is_some() {
            return Err("[server] names the identity twice: keep identity or identity_credential");
        }
        self.tls.as_ref().map_or(Ok(()), Tls::check)
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let tls = self.tls.iter_mut().flat_map(|tls| {
            let clients = [&mut tls.client_ca, &mut tls.client_crl].into_iter().flatten();
            [&mut tls.certificate, &mut tls.key].into_iter().chain(clients)
        });
        let named = [&mut self.identity, &mut self.control_socket, &mut self.backup_socket];
        for path in named.into_iter().flatten().chain(tls) {
            *path = joined(folder, path);
        }
    }
}
