//! Labels and associated data: what a key or a ciphertext is for, in unambiguous bytes.
//!
//! Each part is written behind its length (u32, big-endian), so that no two different lists of
//! parts have the same bytes.

use crate::ids::{Environment, VaultId};

/// The environment and vault that every key and ciphertext is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The environment, such as `production`.
    pub environment: Environment,
    /// The vault.
    pub vault: VaultId,
}

/// A list of length-prefixed parts, begun with its purpose and scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(Vec<u8>);

impl Label {
    /// A label for a purpose (such as `coffre/v1/record`) in a scope.
    pub fn new(purpose: &str, scope: &Scope) -> Self {
        Self(Vec::with_capacity(192)).text(purpose).text(scope.environment.as_str()).bytes(scope.vault.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        // A part is a name, an identifier or a header: far below 4 GiB.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// Adds text.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, part: u64) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// The label's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
