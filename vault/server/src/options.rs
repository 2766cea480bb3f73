//! How to serve.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use coffre_core::note::WitnessKey;
use coffre_store::WhenFull;

use crate::drills::DrillOptions;
use crate::limits::Limits;
use crate::operator_options::OperatorOptions;
use crate::quotas::CallerLimits;
use crate::unusual::AlertLimits;

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
    /// How drills are held; where there is nothing to restore from, they are not.
    pub drills: Option<DrillOptions>,
    /// How operators are verified, if they can be.
    pub operators: Option<OperatorOptions>,
    /// The keys whose cosignatures of tree heads are believed.
    pub witnesses: Vec<WitnessKey>,
    /// How much of everything is taken.
    pub limits: Limits,
    /// How much of it one caller may have.
    pub caller_limits: CallerLimits,
    /// What is told as out of the usual.
    pub alerts: AlertLimits,
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
            drills: None,
            operators: None,
            witnesses: Vec::new(),
            limits: Limits::default(),
            caller_limits: CallerLimits::default(),
            alerts: AlertLimits::default(),
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
    /// Whether base backups stay in it until destinations have confirmed them, as the backup account tells.
    pub awaits_confirmation: bool,
}

/// The files of TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose certificates clients prove themselves with, if they can.
    pub clients: Option<ClientAuthority>,
}

/// Who certifies clients. Files in PEM, read again when they change, as all files of TLS are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthority {
    /// The certificates of the authority.
    pub ca: PathBuf,
    /// What it has revoked: a list for each authority that issues certificates. One that is older than it says it may
    /// be refuses everybody.
    pub crl: Option<PathBuf>,
    /// Whether nobody comes in without a certificate; otherwise a bearer token will do.
    pub required: bool,
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
