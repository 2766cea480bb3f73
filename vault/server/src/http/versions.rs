//! The versions of a record.

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier, version};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body, etag};
use crate::usecases::{ListVersions, RestoreVersion};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/records/{type}/{id}/versions", list)
        .post("/v1/records/{type}/{id}/versions/{version}/restore", restore)
}

async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["purpose"], &["reason"])?;
    let asked =
        ListVersions { kind, subject: identifier(&id)?, purpose: query.text("purpose"), reason: query.reason()? };
    let (versions, receipt) = api.keeper.list_versions(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "versions": versions }))
}

async fn restore(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id, number)): Segments<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason"])?;
    let asked = RestoreVersion {
        kind,
        subject: identifier(&id)?,
        version: version(&number)?,
        expected: etag::expected(&parts.headers)?,
        purpose: query.text("purpose"),
        reason: query.reason()?,
    };
    body::none(&parts.headers, sent, &api.limits).await?;
    let (written, receipt) = api.keeper.restore_version(&call, asked).await?;
    Answer::recorded(&receipt).version(written.version).json(&written)
}
