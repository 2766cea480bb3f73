//! Restriction of processing of a record.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::{Ground, Restrict};

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
    let ground: Option<Ground> = query.parsed("ground", "a letter from a to d, of GDPR article 18(1)")?;
    let (subject, reason) = (identifier(&id)?, query.required_reason()?);
    let asked = Restrict { kind, subject, ground, purpose: query.text("purpose"), reason, request: query.request()? };
    answered(&api, &call, asked, request).await
}

async fn unrestrict(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(request.uri(), &["purpose", "reason"], &[])?;
    let (subject, reason) = (identifier(&id)?, query.required_reason()?);
    let asked = Restrict { kind, subject, ground: None, purpose: query.text("purpose"), reason, request: None };
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
    let restricted = asked.ground.is_some();
    let (changed, receipt) = api.keeper.restrict(call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "restricted": restricted, "changed": changed }))
}
