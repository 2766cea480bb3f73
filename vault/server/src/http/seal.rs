//! Sealing over the API, for those whom the policies allow it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use coffre_store::Receipt;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/seal", seal)
}

async fn seal(State(api): State<Api>, Caller(call): Caller, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let reason = Parameters::read(&parts.uri, &[], &["reason"])?.reason()?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let receipt = api.keeper.may_seal(&call, reason).await?;
    sealing(&api, &receipt)
}

/// Tells whoever serves, once the entry is committed. The answer is on its way while the keys go.
pub(super) fn sealing(api: &Api, receipt: &Receipt) -> Result<Response, Problem> {
    tracing::warn!(entry = receipt.index(), "told to seal");
    api.seal.now();
    Answer::recorded(receipt).with_status(StatusCode::ACCEPTED).json(&json!({ "status": "sealing" }))
}
