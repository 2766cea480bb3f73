//! Identifiers: opaque, random, typed by what they name, so that one cannot stand in another's place.
//!
//! They are UUIDs of version 4 (RFC 9562) and say nothing about the person or thing they name. Those that are made together can
//! begin alike ([`Vicinity`]), so that what is stored under them stands together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::as_text::as_text;
use crate::crypto::Entropy;

/// Text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Not a UUID in hyphenated lower-case form.
    #[error("not a {what} identifier: expected a UUID such as 0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11")]
    NotAUuid {
        /// What the identifier names.
        what: &'static str,
    },
    /// A name of an environment that breaks its rule.
    #[error("not an environment name: use 1 to 32 of a-z, 0-9 and '-', starting with a letter")]
    Environment,
}

/// What the identifiers of things that are brought together begin with: random, and of no meaning besides. The rest of each, 82 bits, is
/// random for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vicinity([u8; 5]);

impl Vicinity {
    /// A new one.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut beginning = [0; 5];
        entropy.fill(&mut beginning);
        Self(beginning)
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        as_text!($name, id => id.text(&mut [0; 36]));

        impl $name {
            /// A new random identifier.
            pub fn random(entropy: &mut dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid().into_bytes())
            }

            /// A new identifier that begins as its vicinity says, if it has one, and is random from there on.
            pub fn within(vicinity: Option<Vicinity>, entropy: &mut dyn Entropy) -> Self {
                let Self(mut bytes) = Self::random(entropy);
                for (byte, beginning) in bytes.iter_mut().zip(vicinity.iter().flat_map(|vicinity| vicinity.0)) {
                    *byte = beginning;
                }
                Self(bytes)
            }

            /// The identifier with exactly these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its text, written into a buffer.
            pub fn text<'b>(&self, buffer: &'b mut [u8; 36]) -> &'b str {
                uuid::Uuid::from_bytes(self.0).hyphenated().encode_lower(buffer)
            }

            /// Its bytes, as stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text(&mut [0; 36]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError::NotAUuid { what: $what };
                let id = uuid::Uuid::try_parse(text).map_err(|_| wrong.clone())?;
                // One spelling only: an identifier is compared as text in logs and policies.
                if id.hyphenated().encode_lower(&mut [0; 36]) == text {
                    Ok(Self(id.into_bytes()))
                } else {
                    Err(wrong)
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::NotAUuid { what: $what })
            }
        }
    };
}

identifier!(
    /// A data subject, which is also the identifier of the one record about that person.
    SubjectId, "data subject"
);
identifier!(
    /// A document of a data subject; its versions share the identifier.
    DocumentId, "document"
);
identifier!(
    /// A grant.
    GrantId, "grant"
);
identifier!(
    /// A habilitation of an operator.
    HabilitationId, "habilitation"
);
identifier!(
    /// A legal hold on a record.
    HoldId, "hold"
);
identifier!(
    /// An export of many records.
    ExportId, "export"
);
identifier!(
    /// A request that was filed with Legal. (`RequestId` is one call of the API.)
    FilingId, "request"
);
identifier!(
    /// An application: a program that calls the API.
    ApplicationId, "application"
);
identifier!(
    /// A vault, for its whole life, restores included.
    VaultId, "vault"
);
identifier!(
    /// A generation of a vault: begun by `init` and by every restore.
    GenerationId, "generation"
);
identifier!(
    /// One call, as it appears in the log and in the answer's headers.
    RequestId, "request"
);

/// The name of an environment, such as `production` or `recette`; bound into every key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(String);

impl Environment {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Environment {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(allowed);
        if sound { Ok(Self(text.to_owned())) } else { Err(IdError::Environment) }
    }
}

impl TryFrom<String> for Environment {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Environment> for String {
    fn from(environment: Environment) -> Self {
        environment.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
