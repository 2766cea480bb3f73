//! age identities and recipients: who can open the root key. Written and read as age text.

use std::path::Path;

use thiserror::Error;

/// An identity that cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("the identity file {path} cannot be read: check that it exists and is yours")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("the identity file {path} can be read by others: run `chmod 600 {path}`")]
    Permissions {
        /// Which file.
        path: String,
    },
    /// It holds no X25519 identity.
    #[error("{path} holds no age identity: expected a line that begins with AGE-SECRET-KEY-1")]
    None {
        /// Which file.
        path: String,
    },
    /// Not a recipient.
    #[error("not an age recipient: expected age1…, as age-keygen prints it")]
    Recipient,
}

/// An age X25519 identity: opens the root key.
#[derive(Clone)]
pub struct Identity {
    pub(crate) inner: age::x25519::Identity,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(not shown)")
    }
}

impl Identity {
    /// Reads an identity file as age-keygen writes it; refuses one that others can read.
    pub fn read(_path: &Path) -> Result<Self, IdentityError> {
        todo!()
    }
}
