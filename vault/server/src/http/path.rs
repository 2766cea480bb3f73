//! The parts of a path, read strictly.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The parts of a path, as text.
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |_: PathRejection| Problem::malformed("the path is not percent-encoded UTF-8");
        let Path(segments) = Path::<T>::from_request_parts(parts, state).await.map_err(wrong)?;
        Ok(Self(segments))
    }
}

/// A part that is an identifier.
pub(super) fn identifier<T>(text: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| Problem::malformed(format!("in the path: {error}")))
}

/// A part that is a version's number.
pub(super) fn version(text: &str) -> Result<u32, Problem> {
    let wrong = |_| Problem::malformed("in the path: not a version, which is a number from 1");
    text.parse::<u32>().map_err(wrong)
}
