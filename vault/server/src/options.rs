//! How to serve.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use coffre_core::note::WitnessKey;
use coffre_store::WhenFull;

use crate::limits::Limits;

/// How to serve a vault.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where the API listens: on loopback, unless there is TLS. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The certificate and key of the API.
    pub tls: Option<TlsFiles>,
    /// The socket for the vault's own user.
    pub control_socket: Option<PathBuf>,
    /// The socket for the backup account.
    pub backup_socket: Option<BackupSocket>,
    /// Where base backups go.
    pub spool: Option<SpoolOptions>,
    /// Bytes of the vault's disk that are kept for what must be possible when it is full; 0 for none.
    pub reserve: u64,
    /// The keys whose cosignatures of tree heads are believed.
    pub witnesses: Vec<WitnessKey>,
    /// How much of everything is taken.
    pub limits: Limits,
}

impl ServerOptions {
    /// On an address, and otherwise without anything.
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            control_socket: None,
            backup_socket: None,
            spool: None,
            reserve: 0,
            witnesses: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Where base backups go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The folder.
    pub folder: PathBuf,
    /// How many base backups stay in it: older ones are dropped by the next.
    pub keep: NonZeroU64,
    /// Whether every commit is captured within a second, and base backups taken when they are due.
    pub continuous: bool,
    /// Bytes that it may take.
    pub limit: Option<u64>,
    /// What to do when it takes no more.
    pub when_full: WhenFull,
}

/// The files of TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The backup account's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSocket {
    /// Where.
    pub path: PathBuf,
    /// The accounts that may use it, besides the server's own.
    pub accounts: Vec<u32>,
    /// The primary groups whose accounts may use it.
    pub groups: Vec<u32>,
}
