//! Exporting many records: proposed by one operator, confirmed by another one, who gets them line by line (NDJSON), or
//! lets test data be made from them, which the vault's own user fetches (`control`).
//! The last line says that it is the last: a stream that was cut off has none.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use coffre_core::ids::{ExportId, RequestId};
use futures_util::stream;
use serde_json::json;

use super::answer::Answer;
use super::four_eyes::FourEyes;
use super::ndjson;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::to_the_end::to_the_end;
use super::{AUDIT_ENTRY, Api, body};
use crate::usecases::{BulkExport, Call, Confirmed, Exported, Keeper, ProposeExport};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/export", propose)
        .post("/v1/records/{type}/export/pseudonymised", propose_test_data)
        .post("/v1/exports/{id}/confirm", confirm)
}

async fn propose(
    State(api): State<Api>,
    caller: FourEyes,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["fields", "purpose", "reason"], &[])?;
    let (fields, reason) = (query.fields()?, query.required_reason()?);
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = ProposeExport { kind, what: Exported::Fields(fields), purpose: query.text("purpose"), reason };
    proposed(&api, caller.signed_in(&api)?, asked).await
}

async fn propose_test_data(
    State(api): State<Api>,
    caller: FourEyes,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose", "reason"], &[])?;
    let reason = query.required_reason()?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = ProposeExport { kind, what: Exported::TestData, purpose: query.text("purpose"), reason };
    proposed(&api, caller.signed_in(&api)?, asked).await
}

async fn proposed(api: &Api, call: Call, asked: ProposeExport) -> Result<Response, Problem> {
    let keeper = api.keeper.clone();
    let (proposal, receipt) = to_the_end(async move { keeper.propose_export(&call, asked).await }).await?;
    // Accepted: nothing leaves before another operator says so.
    Answer::new(StatusCode::ACCEPTED).with(AUDIT_ENTRY, Some(receipt.index().into())).json(&json!({
        "id": proposal.id,
        "status": "proposed",
        "proposed_by": proposal.by.name,
        "operator_known": proposal.by.known,
        "confirm_before": proposal.until,
    }))
}

async fn confirm(
    State(api): State<Api>,
    caller: FourEyes,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let id: ExportId = identifier(&id)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let (call, keeper) = (caller.signed_in(&api)?, api.keeper.clone());
    let request = call.request;
    let (confirmed, receipt) = to_the_end(async move { keeper.confirm_export(&call, id).await }).await?;
    let export = match confirmed {
        Confirmed::Records(export) => *export,
        Confirmed::TestData(until) => {
            let told = json!({ "id": id, "status": "confirmed", "fetch_before": until });
            return Answer::recorded(&receipt).with_status(StatusCode::ACCEPTED).json(&told);
        }
    };
    let answer = Answer::recorded(&receipt)
        .with(CONTENT_TYPE, Some(HeaderValue::from_static(ndjson::MEDIA_TYPE)))
        .with(CONTENT_DISPOSITION, Some(HeaderValue::from_static("attachment; filename=\"export.ndjson\"")));
    Ok(answer.body(streamed(export, api.keeper.clone(), request)))
}

/// A page of lines at a time, made when the client has taken the one before.
fn streamed(export: BulkExport, keeper: Arc<Keeper>, request: RequestId) -> Body {
    let next = move |export: Option<BulkExport>| {
        let keeper = Arc::clone(&keeper);
        async move {
            let mut export = export?;
            let page = export.next().await.map_err(std::io::Error::other);
            let lines = page.and_then(|page| match page {
                Some(records) => Ok((ndjson::lines(&records)?, Some(export))),
                None => Ok((ndjson::lines(&[last(&export)])?, None)),
            });
            match lines {
                Ok((lines, export)) => Some((Ok(Bytes::from(lines)), export)),
                Err(error) => {
                    keeper.metrics.cut_off();
                    tracing::error!(%request, %error, "an export was broken off");
                    Some((Err(error), None))
                }
            }
        }
    };
    Body::from_stream(stream::unfold(Some(export), next))
}

fn last(export: &BulkExport) -> serde_json::Value {
    json!({ "complete": true, "records": export.records, "refused": export.refused })
}
