//! Who calls: the application by its bearer token, the operator by what the application asserts.
//! Says nothing about what they may do; that is `authorization`.

mod applications;
mod operator;
mod token;

pub(crate) use applications::Applications;
pub(crate) use operator::{Operator, OperatorError};
pub(crate) use token::{Token, TokenHash};
