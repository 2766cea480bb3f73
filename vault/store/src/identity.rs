//! age identities and recipients: who can open the root key. Written and read as age text.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use coffre_core::crypto::SecretKey;
use thiserror::Error;
use zeroize::Zeroizing;

/// An identity or recipient that cannot be used.
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
    #[error("not an age recipient: expected age1…, as `age-keygen` prints it")]
    Recipient,
    /// Not the bytes of an X25519 identity.
    #[error("not an age X25519 identity: use one that `coffre init` or `age-keygen` made")]
    Secret,
}

/// What an identity begins with (age's specification: Bech32, in capitals).
const PREFIX: &str = "age-secret-key-";

/// An age X25519 identity: opens the root key.
#[derive(Clone)]
pub struct Identity {
    inner: age::x25519::Identity,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(not shown)")
    }
}

impl Identity {
    /// A new random identity.
    pub fn generate() -> Self {
        Self { inner: age::x25519::Identity::generate() }
    }

    /// Reads an identity file as `age-keygen` writes it; refuses one that others can read.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        Self::read_closed_to(path, 0o077)
    }

    /// Reads an identity from a systemd credential, in a folder that only the service can enter: systemd lets the
    /// service in through the file's group, so that the group may read it.
    pub fn read_credential(path: &Path) -> Result<Self, IdentityError> {
        Self::read_closed_to(path, 0o007)
    }

    fn read_closed_to(path: &Path, others: u32) -> Result<Self, IdentityError> {
        let shown = || path.display().to_string();
        let unreadable = |source| IdentityError::Read { path: shown(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & others != 0 {
            return Err(IdentityError::Permissions { path: shown() });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(unreadable)?;
        let found = text.lines().map(str::trim).find_map(|line| line.parse().ok());
        found.map(|inner| Self { inner }).ok_or_else(|| IdentityError::None { path: shown() })
    }

    /// The identity that is these 32 bytes: what shares of it give together.
    pub fn from_secret(secret: &SecretKey) -> Result<Self, IdentityError> {
        let prefix = Hrp::parse(PREFIX).map_err(|_| IdentityError::Secret)?;
        let text = bech32::encode_upper::<Bech32>(prefix, secret.expose()).map_err(|_| IdentityError::Secret)?;
        Zeroizing::new(text).parse().map(|inner| Self { inner }).map_err(|_| IdentityError::Secret)
    }

    /// Its 32 bytes, for splitting it into shares.
    pub fn secret(&self) -> Result<SecretKey, IdentityError> {
        let text = self.inner.to_string();
        let read = CheckedHrpstring::new::<Bech32>(text.expose_secret()).map_err(|_| IdentityError::Secret)?;
        let bytes = Zeroizing::new(read.byte_iter().collect::<Vec<u8>>());
        SecretKey::try_from(bytes.as_slice()).map_err(|_| IdentityError::Secret)
    }

    /// The identity as the lines of a file, with its recipient in a comment.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "# public key: {}\n{}\n",
            self.inner.to_public(),
            self.inner.to_string().expose_secret()
        ))
    }

    /// Its recipient (`age1…`).
    pub fn recipient(&self) -> String {
        self.inner.to_public().to_string()
    }

    /// As age knows it, for what streams.
    pub fn as_age(&self) -> &(dyn age::Identity + Sync) {
        &self.inner
    }

    /// Decrypts an age file.
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, age::DecryptError> {
        age::decrypt(&self.inner, ciphertext).map(Zeroizing::new)
    }
}

/// Whether somebody can be encrypted to.
pub(crate) fn check_recipient(recipient: &str) -> Result<(), IdentityError> {
    recipient.parse::<age::x25519::Recipient>().map(drop).map_err(|_| IdentityError::Recipient)
}

/// Encrypts for a recipient (`age1…`).
pub(crate) fn encrypt_for(recipient: &str, plaintext: &[u8]) -> Result<Vec<u8>, IdentityError> {
    let recipient: age::x25519::Recipient = recipient.parse().map_err(|_| IdentityError::Recipient)?;
    age::encrypt(&recipient, plaintext).map_err(|_| IdentityError::Recipient)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_identity_is_its_bytes_and_its_bytes_are_the_identity() {
        let identity = Identity::generate();
        let again = Identity::from_secret(&identity.secret().unwrap()).unwrap();
        assert_eq!(again.recipient(), identity.recipient());
        let sealed = encrypt_for(&identity.recipient(), b"the root").unwrap();
        assert_eq!(again.decrypt(&sealed).unwrap().as_slice(), b"the root");
    }
}
