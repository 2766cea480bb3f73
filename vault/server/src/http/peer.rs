//! Who is at the other end of a unix socket, as the operating system says.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::caller::request_of;
use super::problem::Problem;
use crate::usecases::LocalCall;

/// An account, and whether it may use this socket. Attached to each of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) account: u32,
    pub(crate) allowed: bool,
}

/// An account that may use this socket.
pub(super) struct Account(pub(super) LocalCall);

impl<S: Send + Sync> FromRequestParts<S> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let request = request_of(parts)?;
        if let Some(Peer { account, allowed: true }) = parts.extensions.get::<Peer>() {
            return Ok(Self(LocalCall { request, account: *account }));
        }
        let detail = "this socket is not for your account: see [server] in coffre.toml";
        Err(Problem::new(StatusCode::FORBIDDEN, "account-not-allowed", "Not for this account", detail))
    }
}
