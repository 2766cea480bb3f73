//! Who calls for an act that takes two operators. Where operators are verified, the token must be for this very request:
//! its `nonce` is what the refusal of a request without one says, and it is good once. Such requests have no body.
//!
//! Nobody is to sign in for a request that is none: who calls is had last, once path, query and body are read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode};

use super::caller::Caller;
use super::operator::not_verified;
use super::problem::Problem;
use super::{Api, OPERATOR_TOKEN};
use crate::usecases::Call;

/// An application that acts for one of two operators, once it has called [`signed_in`](Self::signed_in).
pub(super) struct FourEyes {
    called: Result<Call, Problem>,
    /// Where operators are verified.
    bound: Option<Bound>,
}

/// What the token must be for, and the token that was sent.
struct Bound {
    nonce: String,
    token: Option<HeaderValue>,
}

/// What the right token would have helped against.
const WITHOUT_OPERATOR: [&str; 3] = ["operator-required", "verified-operator-required", "operator-not-verified"];

impl FromRequestParts<Api> for FourEyes {
    type Rejection = Problem;

    /// Refuses whatever no token would help against.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let called = Caller::from_request_parts(parts, api).await.map(|Caller(call)| call);
        let Some(operators) = &api.operators else { return Ok(Self { called: Ok(called?), bound: None }) };
        let called = match called {
            Err(problem) if !WITHOUT_OPERATOR.contains(&problem.name()) => return Err(problem),
            called => called,
        };
        let target = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let nonce = operators.nonce(parts.method.as_str(), target);
        Ok(Self { called, bound: Some(Bound { nonce, token: parts.headers.get(&OPERATOR_TOKEN).cloned() }) })
    }
}

impl FourEyes {
    /// Who calls, for a request that is read to its end. Where operators are verified this takes the token, or gives the
    /// nonce for one.
    pub(super) fn signed_in(self, api: &Api) -> Result<Call, Problem> {
        let (Some(operators), Some(Bound { nonce, token })) = (&api.operators, self.bound) else { return self.called };
        let taken = self.called.and_then(|call| {
            let token = token.ok_or_else(not_bound)?;
            let spent = operators.spend(token.to_str().unwrap_or_default(), &nonce, api.keeper.now());
            spent.map(|()| call).map_err(|error| not_verified(error, api))
        });
        taken.map_err(|problem| problem.with("nonce", nonce))
    }
}

fn not_bound() -> Problem {
    let detail = "this takes two verified operators: have the operator sign in with `nonce` in the authentication request, \
                  and send the ID token in the header Coffre-Operator-Token";
    let title = "The operator is not verified";
    Problem::new(StatusCode::FORBIDDEN, "verified-operator-required", title, detail)
}
