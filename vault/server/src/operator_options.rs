//! How operators are verified, and for whom they must be.

use std::path::PathBuf;

use coffre_core::role::Role;

/// Where the identity provider's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// Where the provider publishes them. They are fetched hourly, and when a token names a key that is not among them.
    Url {
        /// The address: `https` alone.
        url: String,
        /// The authorities that may certify it, in PEM; the system's if there is none.
        authorities: Option<PathBuf>,
    },
}

/// How operators are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorOptions {
    /// The identity provider, as its tokens name it (`iss`).
    pub issuer: String,
    /// This vault, as the tokens must name it (`aud`).
    pub audience: String,
    /// The identity provider's public keys: a JSON Web Key Set.
    pub jwks: JwksSource,
    /// The claim that names the operator, such as `sub` or `preferred_username`.
    pub claim: String,
    /// The authentication methods (`amr`, RFC 8176) of which a token must name one; none if any will do.
    pub methods: Vec<String>,
    /// How far the clocks may differ.
    pub clock_skew_seconds: u32,
    /// The roles whose applications may act for verified operators only.
    pub require_verified: Vec<Role>,
}
