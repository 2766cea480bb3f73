//! The human an application acts for: asserted, where the application names them in a header, or verified, where a
//! token of the company's identity provider does (`operator_token`). Every entry of the log says which.

use std::fmt;
use std::str::FromStr;

use coffre_core::audit::OperatorKnown;
use thiserror::Error;

/// Text that is not an operator's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an operator's identifier: use 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'")]
pub(crate) struct OperatorError;

/// An operator's identifier, such as `a.martin` or `a.martin@assureurs-engages.example`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Operator {
    name: String,
    known: OperatorKnown,
}

impl Operator {
    /// The identifier.
    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }

    /// How they are known.
    pub(crate) const fn known(&self) -> OperatorKnown {
        self.known
    }

    /// The same person, vouched for by the identity provider.
    pub(super) fn verified(self) -> Self {
        Self { known: OperatorKnown::Verified, ..self }
    }
}

/// An operator as the application names them.
impl FromStr for Operator {
    type Err = OperatorError;

    fn from_str(text: &str) -> Result<Self, OperatorError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-');
        let sound = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if sound { Ok(Self { name: text.to_owned(), known: OperatorKnown::Asserted }) } else { Err(OperatorError) }
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operator(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_plain() {
        for text in ["a", "a.martin@assureurs-engages.example", "OP_42", &"x".repeat(64)] {
            assert_eq!(text.parse::<Operator>().as_ref().map(Operator::as_str), Ok(text));
        }
        for text in ["", "Anne Martin", "é", "a\"b", "a\n", "a/b", &"x".repeat(65)] {
            assert_eq!(text.parse::<Operator>(), Err(OperatorError), "{text:?}");
        }
    }
}
