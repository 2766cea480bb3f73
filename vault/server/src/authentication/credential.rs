//! By what a call proves which application it is of.

use std::sync::Arc;

use super::TokenHash;

/// A bearer token, or a client certificate that the TLS handshake verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    Token(TokenHash),
    /// The URIs among the alternative names of the certificate's subject.
    Certificate(Arc<[String]>),
}
