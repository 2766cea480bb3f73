//! Shares coming together, one after the other, until there are enough.

use thiserror::Error;

use super::split::combine;
use super::{Header, KeyShare, SplitError, VaultMark};
use crate::crypto::SecretKey;

/// A share that does not go with the others. None of what was accepted before is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuorumError {
    /// Of another vault or environment.
    #[error(
        "the share is of another vault or environment; compare vault id, environment and verification key on its page with \
         those of the vault that is to be opened"
    )]
    OtherVault,
    /// Of another splitting.
    #[error(
        "the share is of another splitting than the ones before; compare the dates on the pages, and take shares of one date"
    )]
    OtherSplitting,
    /// Accepted before.
    #[error("share {number} was given already; take one of another holder")]
    Twice {
        /// Which.
        number: u8,
    },
}

/// How far it is after a share was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// How many shares there are now.
    pub have: u8,
    /// How many open.
    pub need: u8,
}

impl Accepted {
    /// Whether there are enough.
    pub const fn is_enough(self) -> bool {
        self.have >= self.need
    }
}

/// The shares that were given so far.
#[derive(Debug)]
pub struct Quorum {
    vault: Option<VaultMark>,
    shares: Vec<KeyShare>,
}

impl Quorum {
    /// Nobody yet. Where no vault is pinned, the first share says which it is.
    pub const fn of(vault: Option<VaultMark>) -> Self {
        Self { vault, shares: Vec::new() }
    }

    /// Whether a share with this first line would be accepted: said before the rest is typed.
    pub fn admits(&self, header: &Header) -> Result<(), QuorumError> {
        if self.vault.is_some_and(|vault| vault != header.vault) {
            return Err(QuorumError::OtherVault);
        }
        if self.shares.iter().any(|share| !share.header.is_of_one_splitting_with(header)) {
            return Err(QuorumError::OtherSplitting);
        }
        if self.shares.iter().any(|share| share.header.number == header.number) {
            return Err(QuorumError::Twice { number: header.number });
        }
        Ok(())
    }

    /// Takes a share.
    pub fn add(&mut self, share: KeyShare) -> Result<Accepted, QuorumError> {
        self.admits(&share.header)?;
        let need = share.header.parts.threshold();
        self.shares.push(share);
        Ok(Accepted { have: u8::try_from(self.shares.len()).unwrap_or(u8::MAX), need })
    }

    /// The numbers of the shares that were accepted.
    pub fn numbers(&self) -> impl Iterator<Item = u8> {
        self.shares.iter().map(|share| share.header.number)
    }

    /// What was split; none while there are too few shares.
    pub fn secret(&self) -> Result<Option<SecretKey>, SplitError> {
        let need = self.shares.first().map(|share| usize::from(share.header.parts.threshold()));
        match need {
            Some(need) if self.shares.len() >= need => combine(&self.shares).map(Some),
            _ => Ok(None),
        }
    }
}
