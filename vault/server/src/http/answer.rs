//! Answers: JSON with the headers that say which entry they left.

use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use coffre_store::Receipt;
use serde::Serialize;

use super::problem::Problem;
use super::{AUDIT_ENTRY, REPLAYED, etag};
use crate::usecases::Recorded;

/// An answer being put together.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
}

impl Answer {
    /// An answer whose entry is committed.
    pub(super) fn recorded(receipt: &Receipt) -> Self {
        Self::new(StatusCode::OK).with(AUDIT_ENTRY, Some(receipt.index().into()))
    }

    /// An answer about what was created, now or the first time.
    pub(super) fn created(recorded: &Recorded) -> Self {
        Self::kept(recorded).with_status(StatusCode::CREATED)
    }

    /// An answer that is given again when the request is repeated.
    pub(super) fn kept(recorded: &Recorded) -> Self {
        let repeated = recorded.repeated.then_some(HeaderValue::from_static("true"));
        Self::new(StatusCode::OK).with(AUDIT_ENTRY, Some(recorded.entry.into())).with(REPLAYED, repeated)
    }

    pub(super) fn new(status: StatusCode) -> Self {
        // Room for what every answer has: its map would grow three times otherwise.
        Self { status, headers: HeaderMap::with_capacity(12) }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With another header, if it has a value.
    pub(super) fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        if let Some(value) = value {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a record's version.
    pub(super) fn version(self, version: u32) -> Self {
        self.with(ETAG, etag::of(version))
    }

    /// With the path where it can be read.
    pub(super) fn at(self, path: &str) -> Self {
        self.with(LOCATION, HeaderValue::from_str(path).ok())
    }

    /// With a JSON body.
    pub(super) fn json(self, body: &impl Serialize) -> Result<Response, Problem> {
        let unwritable = |error: serde_json::Error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong in the server", "try again")
                .logged_as(format!("an answer could not be written: {:?}", error.classify()))
        };
        // Most answers are a few hundred bytes.
        let mut bytes = Vec::with_capacity(512);
        serde_json::to_writer(&mut bytes, body).map_err(unwritable)?;
        Ok(self.with(CONTENT_TYPE, Some(HeaderValue::from_static("application/json"))).body(bytes))
    }

    /// With any body.
    pub(super) fn body(self, body: impl Into<axum::body::Body>) -> Response {
        let mut answer = Response::new(body.into());
        (*answer.status_mut(), *answer.headers_mut()) = (self.status, self.headers);
        answer
    }
}
