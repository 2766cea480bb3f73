//! Sealing over the API, by two operators of those whom the policies allow it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use coffre_store::Receipt;
use serde_json::json;

use super::answer::Answer;
use super::four_eyes::FourEyes;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::Routes;
use super::{AUDIT_ENTRY, Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/seal", propose).post("/v1/seal/confirm", confirm)
}

async fn propose(State(api): State<Api>, FourEyes(call): FourEyes, request: Request) -> Result<Response, Problem> {
    let reason = reason(&api, request).await?;
    let (proposal, receipt) = api.keeper.propose_seal(&call, reason).await?;
    // Accepted: nothing is sealed before another operator says so.
    Answer::new(StatusCode::ACCEPTED).with(AUDIT_ENTRY, Some(receipt.index().into())).json(&json!({
        "status": "proposed",
        "proposed_by": proposal.by.name,
        "operator_known": proposal.by.known,
        "confirm_before": proposal.until,
    }))
}

async fn confirm(State(api): State<Api>, FourEyes(call): FourEyes, request: Request) -> Result<Response, Problem> {
    let reason = reason(&api, request).await?;
    let receipt = api.keeper.confirm_seal(&call, reason).await?;
    sealing(&api, &receipt)
}

async fn reason(api: &Api, request: Request) -> Result<Option<String>, Problem> {
    let (parts, sent) = request.into_parts();
    let reason = Parameters::read(&parts.uri, &[], &["reason"])?.reason()?;
    body::none(&parts.headers, sent, &api.limits).await?;
    Ok(reason)
}

/// Tells whoever serves, once the entry is committed. The answer is on its way while the keys go.
pub(super) fn sealing(api: &Api, receipt: &Receipt) -> Result<Response, Problem> {
    tracing::warn!(entry = receipt.index(), "told to seal");
    api.seal.now();
    Answer::recorded(receipt).with_status(StatusCode::ACCEPTED).json(&json!({ "status": "sealing" }))
}
