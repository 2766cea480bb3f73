//! Canonical JSON: RFC 8785 for the values Coffre writes (no floating-point numbers).
//!
//! Whatever is hashed or signed is written by this module, so that equal values have equal bytes.

mod object;
#[cfg(test)]
mod tests;
mod writer;

use serde::Serialize;
use thiserror::Error;

use self::writer::Writer;

/// A value that has no canonical form here.
#[derive(Debug, Error)]
pub enum CanonicalError {
    /// RFC 8785 writes numbers as IEEE doubles; Coffre writes integers only.
    #[error("a number with a fraction or beyond 53 bits cannot be written canonically: use text instead")]
    Number,
    /// An object would have two members of one name.
    #[error("an object has two members of the same name: rename one")]
    Twice,
    /// The value does not serialize to JSON at all.
    #[error("the value cannot be written as JSON")]
    Serialize(#[source] serde_json::Error),
}

impl serde::ser::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Serialize(serde::ser::Error::custom(message))
    }
}

/// The canonical bytes of a value.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(1024);
    value.serialize(Writer(&mut out))?;
    Ok(out)
}
