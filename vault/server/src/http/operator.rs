//! Whom the application acts for, from the headers: `Coffre-Operator` names them, `Coffre-Operator-Token` proves it.

use std::fmt::Display;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use coffre_core::audit::OperatorKnown;
use coffre_core::role::Role;

use super::problem::Problem;
use super::{Api, OPERATOR, OPERATOR_TOKEN};
use crate::authentication::{Operator, OperatorError, OperatorTokenError};

/// The operator, if one is named; verified where the role must have verified ones.
pub(super) fn of(headers: &HeaderMap, role: Role, api: &Api) -> Result<Option<Operator>, Problem> {
    let asserted = asserted(headers)?;
    let operator = match once(headers, &OPERATOR_TOKEN)? {
        Some(token) => Some(verified(token, asserted, api)?),
        None => asserted,
    };
    let required = api.operators.as_ref().is_some_and(|operators| operators.required_for(role));
    if required && operator.as_ref().is_some_and(|operator| operator.known() != OperatorKnown::Verified) {
        let detail = "applications of this role act for verified operators only: send the operator's token of the \
                      identity provider in the header Coffre-Operator-Token";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "verified-operator-required",
            "The operator is not verified",
            detail,
        ));
    }
    Ok(operator)
}

fn asserted(headers: &HeaderMap) -> Result<Option<Operator>, Problem> {
    let Some(value) = once(headers, &OPERATOR)? else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|error: OperatorError| malformed(&error))
}

fn verified(token: &HeaderValue, asserted: Option<Operator>, api: &Api) -> Result<Operator, Problem> {
    let Some(operators) = &api.operators else {
        let detail = "operators are not verified here: leave Coffre-Operator-Token out, or configure [operators]";
        return Err(malformed(&detail));
    };
    let text = token.to_str().unwrap_or_default();
    let operator = operators.verify(text, api.keeper.now()).map_err(|error| not_verified(error, api))?;
    if asserted.is_some_and(|asserted| asserted.as_str() != operator.as_str()) {
        let detail = "Coffre-Operator names another person than Coffre-Operator-Token: send the token alone";
        return Err(malformed(&detail));
    }
    Ok(operator)
}

/// A header that may be there once.
fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Problem> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (Some(_), Some(_)) => {
            let name = if *name == OPERATOR { "Coffre-Operator" } else { "Coffre-Operator-Token" };
            Err(malformed(&format_args!("send the header {name} once")))
        }
        (value, _) => Ok(value),
    }
}

fn malformed(detail: &dyn Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-operator", "Not an operator's identifier", detail)
}

pub(super) fn not_verified(error: OperatorTokenError, api: &Api) -> Problem {
    api.keeper.metrics.operator_refused(error.code());
    let title = "The operator's token vouches for nobody";
    Problem::new(StatusCode::FORBIDDEN, "operator-not-verified", title, error).with("cause", error.code())
}
