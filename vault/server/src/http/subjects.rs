//! Who a person is, by pseudonymous identifier. The value is in the body, not in the URL: URLs end up in logs.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::{Parameters, sound_reason};
use super::problem::Problem;
use super::routes::Routes;
use super::search::sound_value;
use super::{Api, body};
use crate::usecases::LookupSubject;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/subjects/lookup", lookup)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupBody {
    record_type: String,
    index: String,
    value: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

async fn lookup(State(api): State<Api>, Caller(call): Caller, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: LookupBody = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let LookupBody { record_type: kind, index, value, purpose, reason } = asked;
    let value = sound_value(value)?;
    let reason = reason.map(sound_reason).transpose()?;
    let (found, receipt) =
        api.keeper.lookup_subject(&call, LookupSubject { kind, index, value, purpose, reason }).await?;
    Answer::recorded(&receipt).json(&found)
}
