//! Who calls for an act that takes two operators. Where operators are verified, the token must be for this very request:
//! its `nonce` is what the refusal of a request without one says, and it is good once. Such requests have no body.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;

use super::caller::Caller;
use super::operator::not_verified;
use super::problem::Problem;
use super::{Api, OPERATOR_TOKEN};
use crate::usecases::Call;

/// An application that acts for one of two operators.
pub(super) struct FourEyes(pub(super) Call);

/// What the right token would have helped against.
const WITHOUT_OPERATOR: [&str; 3] = ["operator-required", "verified-operator-required", "operator-not-verified"];

impl FromRequestParts<Api> for FourEyes {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let called = Caller::from_request_parts(parts, api).await;
        let Some(operators) = &api.operators else { return called.map(|Caller(call)| Self(call)) };
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let nonce = operators.nonce(parts.method.as_str(), target);
        let Caller(call) = called.map_err(|problem| {
            if WITHOUT_OPERATOR.contains(&problem.name()) { problem.with("nonce", nonce.as_str()) } else { problem }
        })?;
        let Some(token) = parts.headers.get(&OPERATOR_TOKEN) else {
            return Err(not_bound().with("nonce", nonce));
        };
        let spent = operators.spend(token.to_str().unwrap_or_default(), &nonce, api.keeper.now());
        spent.map_err(|error| not_verified(error, api).with("nonce", nonce))?;
        Ok(Self(call))
    }
}

fn not_bound() -> Problem {
    let detail = "this takes two verified operators: have the operator sign in with `nonce` in the authentication request, \
                  and send the ID token in the header Coffre-Operator-Token";
    let title = "The operator is not verified";
    Problem::new(StatusCode::FORBIDDEN, "verified-operator-required", title, detail)
}
