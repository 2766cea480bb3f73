//! The vault as a whole: how it does, sealing it, and ending its service.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::seal::sealing;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/status", status).post("/v1/seal", seal).post("/v1/shutdown", shutdown)
}

async fn status(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    Answer::new(StatusCode::OK).json(&api.keeper.status().await?)
}

async fn seal(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let keeper = api.keeper.clone();
    // Sealing protects: nothing that is wrong with the vault's files keeps it open.
    sealing(&api, async move { Ok(keeper.note_seal(call).await) }).await
}

async fn shutdown(State(api): State<Api>, Account(_): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    tracing::info!("told to stop over the control socket");
    api.stop.now();
    Answer::new(StatusCode::ACCEPTED).json(&json!({ "status": "stopping" }))
}
