//! Habilitations of operators for special categories.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use coffre_core::habilitation::HabilitationTerms;
use coffre_core::record::{Category, RecordTypeName};
use coffre_core::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::authentication::Operator;
use crate::usecases::{GiveHabilitation, ListHabilitations, WithdrawHabilitation};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/habilitations", give)
        .get("/v1/habilitations", list)
        .post("/v1/habilitations/{id}/withdraw", withdraw)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HabilitationBody {
    operator: String,
    #[serde(rename = "type")]
    record_type: RecordTypeName,
    categories: BTreeSet<Category>,
    purposes: BTreeSet<String>,
    /// Now, unless it is said.
    #[serde(default)]
    valid_from: Option<Timestamp>,
    #[serde(default)]
    valid_until: Option<Timestamp>,
}

async fn give(State(api): State<Api>, creator: Creator, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let (given, call) = creator.json::<HabilitationBody>(&parts, sent, &api.limits).await?;
    let operator: Operator =
        given.operator.parse().map_err(|error| Problem::malformed(format!("operator: {error}")))?;
    let terms = HabilitationTerms {
        operator: operator.as_str().to_owned(),
        record_type: given.record_type,
        categories: given.categories,
        purposes: given.purposes,
        valid_from: given.valid_from.unwrap_or_else(|| api.keeper.now()),
        valid_until: given.valid_until,
    };
    let (given, recorded) = api.keeper.give_habilitation(&call, GiveHabilitation { terms }).await?;
    Answer::created(&recorded).json(&given)
}

async fn list(State(api): State<Api>, Caller(call): Caller, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["type"], &["operator"])?;
    let operator = query.parsed("operator", "an operator's identifier")?;
    let asked = ListHabilitations { kind: query.text("type"), operator };
    let (habilitations, receipt) = api.keeper.list_habilitations(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "habilitations": habilitations }))
}

async fn withdraw(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked = WithdrawHabilitation { id: identifier(&id)? };
    body::none(&parts.headers, sent, &api.limits).await?;
    let (withdrawn, receipt) = api.keeper.withdraw_habilitation(&call, asked).await?;
    Answer::recorded(&receipt).json(&withdrawn)
}
