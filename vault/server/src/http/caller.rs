//! Who calls, from the headers: `Authorization: Bearer` and `Coffre-Operator`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use coffre_core::ids::RequestId;

use super::problem::Problem;
use super::scope::Scope;
use super::{Api, OPERATOR};
use crate::authentication::{Operator, Token};
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
        let token = bearer(&parts.headers)?.hash();
        let role = api.keeper.identify(token).await?;
        let _first = scope.role.set(role);
        let operator = operator(&parts.headers)?;
        Ok(Self(Call { request: scope.request, token, operator }))
    }
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

fn bearer(headers: &HeaderMap) -> Result<Token, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::unauthenticated(
            false,
            "send one header Authorization: Bearer with the application's token",
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

fn operator(headers: &HeaderMap) -> Result<Option<Operator>, Problem> {
    let mut given = headers.get_all(OPERATOR).iter();
    let wrong = |detail: &dyn std::fmt::Display| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-operator", "Not an operator's identifier", detail)
    };
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(wrong(&"send the header Coffre-Operator once")),
        (Some(value), None) => {
            let text = value.to_str().unwrap_or_default();
            text.parse().map(Some).map_err(|error: crate::authentication::OperatorError| wrong(&error))
        }
    }
}
