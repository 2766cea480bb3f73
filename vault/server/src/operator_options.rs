//! How operators are verified, and for whom they must be.

use std::path::PathBuf;

use coffre_core::role::Role;

/// How operators are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorOptions {
    /// The identity provider, as its tokens name it (`iss`).
    pub issuer: String,
    /// This vault, as the tokens must name it (`aud`).
    pub audience: String,
    /// The identity provider's public keys: a JSON Web Key Set. Read again when it changes.
    pub jwks: PathBuf,
    /// The claim that names the operator, such as `sub` or `preferred_username`.
    pub claim: String,
    /// The authentication methods (`amr`, RFC 8176) of which a token must name one; none if any will do.
    pub methods: Vec<String>,
    /// How far the clocks may differ.
    pub clock_skew_seconds: u32,
    /// The roles whose applications may act for verified operators only.
    pub require_verified: Vec<Role>,
}
