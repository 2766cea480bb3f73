//! The readers of outside bytes, opened to the fuzz targets. Not part of the product.

pub use crate::authentication::fuzzing::{certificate, jwks, operator_token};
pub use crate::http::fuzzing::{headers, lines, query, record_body};
