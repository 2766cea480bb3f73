//! Problems (RFC 9457): what a client is told when something did not go as asked. Types are stable;
//! texts say what to do and repeat no value of the request or of a record.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use coffre_core::ids::RequestId;
use serde_json::{Map, Value};

/// Types are names under this prefix.
const PREFIX: &str = "urn:coffre:problem:";

/// A problem, rendered once the request's identifier is at hand (`scope`).
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Told>);

#[derive(Debug, Clone)]
struct Told {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    logged: Option<String>,
}

impl Problem {
    /// A problem of a type, which is named by the last part of its URN.
    pub(super) fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl std::fmt::Display,
    ) -> Self {
        let detail = detail.to_string();
        let (members, headers, logged) = (Map::new(), Vec::new(), None);
        Self(Box::new(Told { status, name, title, detail, members, headers, logged }))
    }

    /// The last part of its type.
    pub(super) fn name(&self) -> &'static str {
        self.0.name
    }

    /// What kind of answer it is.
    pub(super) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the server's own log says in addition.
    pub(super) fn logged(&self) -> Option<&str> {
        self.0.logged.as_deref()
    }

    /// A request that is wrong in itself.
    pub(super) fn malformed(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "The request is malformed", detail)
    }

    /// With another member.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// About a member of the body, if it is told as one: by names and numbers, not by a text that somebody wrote.
    pub(super) fn in_field(self, place: &str) -> Self {
        let told = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.[]".contains(c);
        if place.len() > 100 || !place.starts_with(|c: char| c.is_ascii_lowercase()) || !place.chars().all(told) {
            return self;
        }
        self.with("field", place)
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With the entry that the log has of it.
    pub(super) fn with_entry(self, entry: u64) -> Self {
        self.with("audit_entry", entry).with_header(super::AUDIT_ENTRY, entry.into())
    }

    /// To be tried again after some seconds.
    pub(super) fn again_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, seconds.into())
    }

    /// With what only the server's log is to say.
    pub(super) fn logged_as(mut self, cause: String) -> Self {
        self.0.logged = Some(cause);
        self
    }

    /// Without a token, or with one that opens nothing.
    pub(super) fn unauthenticated(given: bool, detail: impl std::fmt::Display) -> Self {
        let challenge =
            if given { r#"Bearer realm="coffre", error="invalid_token""# } else { r#"Bearer realm="coffre""# };
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "No application is known by this token", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// What it says, for one request.
    pub(super) fn body(&self, request: RequestId) -> Value {
        let Told { status, name, title, detail, members, .. } = &*self.0;
        let mut body = members.clone();
        body.insert("type".to_owned(), format!("{PREFIX}{name}").into());
        body.insert("title".to_owned(), (*title).into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), detail.as_str().into());
        body.insert("instance".to_owned(), format!("urn:uuid:{request}").into());
        Value::Object(body)
    }

    /// The answer, for one request.
    pub(super) fn render(self, request: RequestId) -> Response {
        let body = self.body(request);
        let mut answer = (self.0.status, body.to_string()).into_response();
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        answer.headers_mut().extend(self.0.headers);
        answer
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem to where it is rendered.
    fn into_response(self) -> Response {
        let mut answer = self.0.status.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}
