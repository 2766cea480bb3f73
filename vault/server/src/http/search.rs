//! Searching. The value is in the body, not in the URL: URLs end up in logs.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::response::Response;
use coffre_core::record::FieldPath;
use serde::Deserialize;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::{Parameters, sound_reason};
use super::path::Segments;
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::Search;

/// The most characters of a search value.
const LONGEST_VALUE: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/records/{type}/search", search)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchBody {
    index: String,
    value: String,
    fields: BTreeSet<FieldPath>,
    purpose: String,
    #[serde(default)]
    reason: Option<String>,
}

async fn search(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: SearchBody = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    if asked.fields.is_empty() {
        return Err(Problem::malformed("fields is empty: name the fields to read of each hit"));
    }
    let SearchBody { index, value, fields, purpose, reason } = asked;
    let value = sound_value(value)?;
    let reason = reason.map(sound_reason).transpose()?;
    let (found, receipt) = api.keeper.search(&call, Search { kind, index, value, fields, purpose, reason }).await?;
    Answer::recorded(&receipt).json(&found)
}

/// A value that can be searched for.
pub(super) fn sound_value(value: String) -> Result<String, Problem> {
    if value.chars().count() > LONGEST_VALUE {
        return Err(Problem::malformed(format!("value has more than {LONGEST_VALUE} characters")));
    }
    Ok(value)
}
