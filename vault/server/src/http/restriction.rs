//! Restriction of processing of a record.

use axum::extract::{Request, State};
use axum::response::Response;
use coffre_core::restriction::Ground;
use coffre_store::transactions::{Restricted, Restricting};
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::Restrict;

/// What a ground is.
const GROUND: &str = "a letter from a to d, of GDPR article 18(1)";

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/restrict", restrict)
        .post("/v1/records/{type}/{id}/unrestrict", unrestrict)
}

async fn restrict(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(request.uri(), &["purpose", "ground", "reason"], &["request"])?;
    let ground: Ground = query.required("ground", GROUND)?;
    let (subject, reason) = (identifier(&id)?, query.required_reason()?);
    let (act, purpose) = (Restricting::Restrict(ground), query.text("purpose"));
    let asked = Restrict { kind, subject, act, purpose, reason, request: query.request()? };
    answered(&api, &call, asked, request).await
}

async fn unrestrict(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(request.uri(), &["purpose", "reason"], &["ground"])?;
    let act = Restricting::End(query.parsed("ground", GROUND)?);
    let (subject, reason) = (identifier(&id)?, query.required_reason()?);
    let asked = Restrict { kind, subject, act, purpose: query.text("purpose"), reason, request: None };
    answered(&api, &call, asked, request).await
}

async fn answered(
    api: &Api,
    call: &crate::usecases::Call,
    asked: Restrict,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    body::none(&parts.headers, sent, &api.limits).await?;
    let (Restricted { restriction, changed }, receipt) = api.keeper.restrict(call, asked).await?;
    let (restricted, grounds) = (restriction.is_on(), restriction.grounds());
    Answer::recorded(&receipt).json(&json!({ "restricted": restricted, "grounds": grounds, "changed": changed }))
}
