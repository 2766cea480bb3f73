//! Making a new vault: keys, root key files, empty databases with their first entry.

use std::path::{Path, PathBuf};

use coffre_core::crypto::Entropy;
use coffre_core::ids::{Environment, VaultId};
use thiserror::Error;

use crate::clock::Clock;

/// What a new vault is to be.
#[derive(Debug, Clone)]
pub struct InitPlan {
    /// Its environment.
    pub environment: Environment,
    /// Who can open its backups: an age recipient; without one, an identity is made and written
    /// once to `recovery_identity_file`.
    pub recovery_recipient: Option<String>,
    /// Where a made recovery identity is written: outside the vault.
    pub recovery_identity_file: PathBuf,
}

/// A vault that was made.
#[derive(Debug, Clone)]
pub struct Initialized {
    /// Its identifier.
    pub vault: VaultId,
    /// Its verification key (C2SP signed-note vkey): to be pinned in configurations.
    pub verification_key: String,
    /// Its recovery recipient.
    pub recovery_recipient: String,
    /// Where the recovery identity was written, if one was made: to be taken offline.
    pub recovery_identity_file: Option<PathBuf>,
}

/// A vault that was not made. Nothing is left behind.
#[derive(Debug, Error)]
pub enum InitError {
    /// There is one already, or something else.
    #[error("{path} is not empty: choose an empty or new directory; an existing vault is never overwritten")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}

/// Makes a vault in a new or empty directory that only its owner can read.
pub fn init(
    _dir: &Path,
    _plan: &InitPlan,
    _clock: &dyn Clock,
    _entropy: &mut dyn Entropy,
) -> Result<Initialized, InitError> {
    todo!()
}
