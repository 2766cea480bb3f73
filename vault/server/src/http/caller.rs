//! Who calls: the application by the header `Authorization: Bearer` or its client certificate, the operator by
//! `operator`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use coffre_core::ids::RequestId;
use coffre_core::role::Role;

use super::problem::Problem;
use super::scope::Scope;
use super::{Api, operator};
use crate::authentication::{ClientCertificate, Credential, Operator, Token};
use crate::quotas::{Beyond, Bound};
use crate::usecases::Call;

/// An application that acts for an operator.
pub(super) struct Caller(pub(super) Call);

/// An application that may act for nobody in particular.
pub(super) struct Program(pub(super) Call);

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Program(call) = Program::from_request_parts(parts, api).await?;
        if call.operator.is_none() {
            let detail = "name in the header Coffre-Operator the person whom the application acts for";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "operator-required", "No operator is named", detail));
        }
        Ok(Self(call))
    }
}

impl FromRequestParts<Api> for Program {
    type Rejection = Problem;

    /// A token that is none costs no look at the vault; one that is unknown costs one.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let scope = scope(parts)?;
        let credential = credential(parts, api)?;
        let application = api.keeper.identify(&credential).await?;
        let _first = scope.role.set(application.role);
        let operator = operator::of(&parts.headers, application.role, api)?;
        let name = operator.as_ref().map(Operator::as_str);
        let entered = api.quotas.enter(application.id, name, Instant::now());
        let place = entered.map_err(|beyond| too_many(beyond, application.role, api))?;
        let (request, application) = (scope.request, application.id);
        Ok(Self(Call { request, credential, application, operator, repeat_key: None, _place: place.map(Arc::new) }))
    }
}

fn too_many(beyond: Beyond, role: Role, api: &Api) -> Problem {
    let Beyond { bound, again_after } = beyond;
    api.keeper.metrics.beyond(role, bound);
    let detail = match bound {
        Bound::Application => "the application asks for more within a minute than [limits] allows it: slow down",
        Bound::Operator => "the operator asks for more within a minute than [limits] allows one: slow down",
        Bound::AtOnce => "the application has more requests under way than [limits] allows it: wait for their answers",
    };
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail)
        .with("limit", bound.code())
        .again_after(again_after.as_secs().saturating_add(u64::from(again_after.subsec_nanos() > 0)).max(1))
}

/// The request's identifier, for callers that the operating system names.
pub(super) fn request_of(parts: &Parts) -> Result<RequestId, Problem> {
    Ok(scope(parts)?.request)
}

fn scope(parts: &Parts) -> Result<Arc<Scope>, Problem> {
    let missing = || {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong in the server", "try again")
            .logged_as("a request without its scope".to_owned())
    };
    parts.extensions.get::<Arc<Scope>>().cloned().ok_or_else(missing)
}

/// A token, where one is sent, says which application calls; otherwise the connection's certificate does. One that is over
/// would not be let in again, whatever else comes with it.
fn credential(parts: &Parts, api: &Api) -> Result<Credential, Problem> {
    let certificate = parts.extensions.get::<Arc<ClientCertificate>>();
    if certificate.is_some_and(|certificate| api.keeper.now() > certificate.not_after) {
        let detail = "the client certificate has expired since the connection was opened: renew it";
        return Err(Problem::unauthenticated(true, detail));
    }
    match certificate {
        Some(certificate) if !parts.headers.contains_key(AUTHORIZATION) => {
            Ok(Credential::Certificate(certificate.uris.as_slice().into()))
        }
        _ => Ok(Credential::Token(bearer(&parts.headers)?.hash())),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Token, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::unauthenticated(
            false,
            "send one header Authorization: Bearer with the application's token, or use its client certificate",
        ));
    };
    let wrong = |detail: &str| Problem::unauthenticated(true, detail);
    let text = value.to_str().map_err(|_| wrong("the Authorization header is not plain text"))?;
    let (scheme, token) =
        text.split_once(' ').ok_or_else(|| wrong("write the header as Authorization: Bearer TOKEN"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(wrong("write the header as Authorization: Bearer TOKEN"));
    }
    token.trim().parse::<Token>().map_err(|error| Problem::unauthenticated(true, error))
}
