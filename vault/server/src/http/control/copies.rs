//! Places that hold copies of the keyring: how each was last found, and striking one off.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use coffre_core::erasure::PlaceName;
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::path::{Segments, identifier};
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/copies", list).post("/v1/copies/{place}/forget", forget)
}

async fn list(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    Answer::new(StatusCode::OK).json(&json!({ "places": api.keeper.list_copies().await? }))
}

async fn forget(
    State(api): State<Api>,
    Account(call): Account,
    Segments(place): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let place: PlaceName = identifier(&place)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let ((), receipt) = api.keeper.forget_place(call, place).await?;
    Answer::recorded(&receipt).json(&json!({}))
}
