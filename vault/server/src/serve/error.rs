//! Why a server did not start. Nothing is bound then.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use coffre_store::CaptureError;
use thiserror::Error;

use crate::authentication::JwksError;
use crate::usecases::{ApprovalRefusal, Failure, PoliciesNotApproved};

/// A server that did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Personal data would cross a network in clear.
    #[error(
        "{address} is beyond loopback, and nothing leaves this host without TLS: configure a certificate and key, or listen on 127.0.0.1"
    )]
    BeyondLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}: stop what listens there, or choose another port, from 1024 on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The officers have not approved the policies.
    #[error(transparent)]
    NotApproved(#[from] PoliciesNotApproved),
    /// It could not be seen, or not be written, what was approved.
    #[error("what officers approved could not be read or written")]
    Approvals(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The identity provider's keys cannot be used.
    #[error(transparent)]
    Operators(#[from] JwksError),
    /// A unix socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The spool cannot be had.
    #[error("commits could not be captured")]
    Capture(#[source] CaptureError),
}

impl ServeError {
    /// Why the policies cannot be gone by.
    pub(super) fn of_policies(failure: Failure) -> Self {
        match failure {
            Failure::Approval(ApprovalRefusal::Policies(refusal)) => Self::NotApproved(refusal),
            failure => Self::Approvals(Box::new(failure)),
        }
    }
}

/// A certificate or key that cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that is missing or holds no PEM of its kind.
    #[error("{} holds no {what}: give the path of a PEM file that does", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What was wrong.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// Everybody can read the key.
    #[error("the key {} can be read by everybody: run `chmod 600` on it", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be read: check that it exists and is yours", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The authority of clients' certificates cannot be used.
    #[error(
        "clients cannot be verified by {}: give a PEM file with the authority's own certificate, and its list of \
         revoked certificates as it is published",
        path.display()
    )]
    Authority {
        /// The authority's file.
        path: PathBuf,
        /// What was wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// They do not belong together.
    #[error("the certificate and the key do not fit each other: give the key that the certificate was made for")]
    Mismatch(#[source] tokio_rustls::rustls::Error),
}

/// A unix socket that cannot be had.
#[derive(Debug, Error)]
pub enum SocketError {
    /// A server answers there.
    #[error("a server answers on {} already: stop it first", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is no socket and is left alone: remove it, or configure another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The path does not fit into a socket's address.
    #[error("the path {} is too long for a socket (100 bytes at most): configure a shorter one", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("the socket {} cannot be made: check the permissions of its folder", path.display())]
    Make {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
