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
use super::to_the_end::to_the_end;
use super::{AUDIT_ENTRY, Api, body};
use crate::usecases::Failure;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/seal", propose).post("/v1/seal/confirm", confirm)
}

async fn propose(State(api): State<Api>, caller: FourEyes, request: Request) -> Result<Response, Problem> {
    let reason = reason(&api, request).await?;
    let (call, keeper) = (caller.signed_in(&api)?, api.keeper.clone());
    let (proposal, receipt) = to_the_end(async move { keeper.propose_seal(&call, reason).await }).await?;
    // Accepted: nothing is sealed before another operator says so.
    Answer::new(StatusCode::ACCEPTED).with(AUDIT_ENTRY, Some(receipt.index().into())).json(&json!({
        "status": "proposed",
        "proposed_by": proposal.by.name,
        "operator_known": proposal.by.known,
        "confirm_before": proposal.until,
    }))
}

async fn confirm(State(api): State<Api>, caller: FourEyes, request: Request) -> Result<Response, Problem> {
    let reason = reason(&api, request).await?;
    let (call, keeper) = (caller.signed_in(&api)?, api.keeper.clone());
    sealing(&api, async move { keeper.confirm_seal(&call, reason).await.map(Ok) }).await
}

async fn reason(api: &Api, request: Request) -> Result<Option<String>, Problem> {
    let (parts, sent) = request.into_parts();
    let reason = Parameters::read(&parts.uri, &[], &["reason"])?.reason()?;
    body::none(&parts.headers, sent, &api.limits).await?;
    Ok(reason)
}

/// Tells whoever serves, once it is noted, also where whoever asked has gone by then. The answer is on its way while the
/// keys go. What fails as a whole seals nothing; an entry alone that could not be written (the inner failure) is told.
pub(super) async fn sealing(
    api: &Api,
    noted: impl Future<Output = Result<Result<Receipt, Failure>, Failure>> + Send + 'static,
) -> Result<Response, Problem> {
    let seal = api.seal.clone();
    let sealed = async move {
        let entry = noted.await?;
        seal.now();
        match &entry {
            Ok(receipt) => tracing::warn!(entry = receipt.index(), "told to seal"),
            Err(failure) => tracing::error!(%failure, "told to seal; the entry of it could not be written"),
        }
        Ok::<_, Failure>(entry)
    };
    let Ok(receipt) = to_the_end(sealed).await? else {
        return Answer::new(StatusCode::ACCEPTED).json(&json!({ "status": "sealing", "logged": false }));
    };
    Answer::recorded(&receipt).with_status(StatusCode::ACCEPTED).json(&json!({ "status": "sealing" }))
}
