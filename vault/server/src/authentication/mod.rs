//! Who calls: the application by its bearer token or client certificate, the operator by what the application asserts
//! or the identity provider's token proves. Says nothing about what they may do; that is `authorization`.

mod acts;
mod applications;
mod certificate;
mod credential;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jwks;
mod jws;
mod operator;
mod operator_token;
mod provider;
mod token;

pub(crate) use applications::{Applications, Identified};
pub(crate) use certificate::{ClientCertificate, next_update, not_after};
pub(crate) use credential::Credential;
pub use jwks::JwksError;
pub(crate) use jwks::KeySet;
pub(crate) use operator::{Operator, OperatorError};
pub(crate) use operator_token::{OperatorTokenError, OperatorTokens};
pub(crate) use provider::Provider;
pub(crate) use token::{Token, TokenHash};
