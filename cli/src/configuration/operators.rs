//! The section `[operators]`: how the people whom applications act for prove who they are.

use std::path::{Path, PathBuf};

use coffre_core::role::Role;
use coffre_server::JwksSource;
use serde::Deserialize;

use super::joined;

/// How far clocks may differ, at most: beyond this a token's end means nothing.
const MOST_SKEW: u32 = 300;

/// The section `[operators]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operators {
    /// The identity provider, as its tokens name it (`iss`).
    pub(crate) issuer: String,
    /// This vault, as they must name it (`aud`).
    pub(crate) audience: String,
    /// The identity provider's public keys (JSON Web Key Set): where it publishes them, or a file of them.
    pub(crate) jwks: String,
    /// Who may certify that address; the system's authorities unless configured.
    pub(crate) jwks_ca: Option<PathBuf>,
    /// The claim that names the operator.
    #[serde(default = "subject")]
    pub(crate) claim: String,
    /// The authentication methods (`amr`) of which one is asked for; any will do if there is none.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// How far the clocks may differ.
    #[serde(default = "minute")]
    pub(crate) clock_skew_seconds: u32,
    /// The roles whose applications may act for verified operators only.
    #[serde(default)]
    pub(crate) require_verified: Vec<Role>,
}

fn subject() -> String {
    "sub".to_owned()
}

const fn minute() -> u32 {
    60
}

impl Operators {
    /// What contradicts itself, and its remedy.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if [&self.issuer, &self.audience, &self.claim].iter().any(|text| text.is_empty()) {
            return Err("[operators] issuer, audience and claim must not be empty: name what the tokens say");
        }
        if !self.is_fetched() && (self.jwks.is_empty() || self.jwks.contains("://")) {
            return Err("[operators] jwks is neither a file nor an https address: nothing else is fetched from");
        }
        if !self.is_fetched() && self.jwks_ca.is_some() {
            return Err("[operators] jwks_ca is for an https address: leave it out, or set jwks to one");
        }
        if self.clock_skew_seconds > MOST_SKEW {
            return Err(
                "[operators] clock_skew_seconds is more than 300: keep the clocks together (NTP) and set it lower",
            );
        }
        Ok(())
    }

    /// Where the keys are.
    pub(crate) fn source(&self) -> JwksSource {
        if self.is_fetched() {
            JwksSource::Url { url: self.jwks.clone(), authorities: self.jwks_ca.clone() }
        } else {
            JwksSource::File(PathBuf::from(&self.jwks))
        }
    }

    fn is_fetched(&self) -> bool {
        self.jwks.starts_with("https://")
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        if !self.is_fetched() {
            self.jwks = joined(folder, Path::new(&self.jwks)).display().to_string();
        }
        self.jwks_ca = self.jwks_ca.as_deref().map(|ca| joined(folder, ca));
    }
}
