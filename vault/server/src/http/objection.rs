//! A person's objection to a purpose.

use axum::extract::{Request, State};
use axum::response::Response;
use coffre_core::ids::GrantId;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::ObjectToPurpose;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/records/{type}/{id}/object", object)
}

async fn object(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["against"], &["reason", "request"])?;
    let (subject, against) = (identifier(&id)?, query.text("against"));
    let asked =
        ObjectToPurpose { kind, subject, against: against.clone(), reason: query.reason()?, request: query.request()? };
    body::none(&parts.headers, sent, &api.limits).await?;
    let (withdrawn, receipt) = api.keeper.object(&call, asked).await?;
    let withdrawn: Vec<GrantId> = withdrawn.into_iter().map(|grant| grant.id).collect();
    Answer::recorded(&receipt).json(&json!({ "objected_to": against, "withdrawn": withdrawn }))
}
