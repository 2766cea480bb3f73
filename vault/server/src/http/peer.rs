//! Who is at the other end of a unix socket, as the operating system says.

use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Api;
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

impl Account {
    /// Its call, for what leaves an entry each time and takes next to nothing: not as often as it could be asked for, or the
    /// backup account could fill the log.
    pub(super) fn at_leisure(self, api: &Api) -> Result<LocalCall, Problem> {
        let Err(wait) = api.quotas.at_leisure(Instant::now()) else { return Ok(self.0) };
        let detail = "this leaves an entry each time, and is asked for more often than anybody needs it: slow down";
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail)
            .again_after(wait.as_secs().saturating_add(1)))
    }
}
