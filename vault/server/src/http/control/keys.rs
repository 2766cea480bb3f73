//! The vault's keys.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/keys/rotate", rotate)
}

async fn rotate(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let recovery = body::json_or_none(&parts.headers, sent, &api.limits).await?;
    let receipt = api.keeper.rotate_root(call, recovery).await?;
    Answer::recorded(&receipt).json(&json!({ "status": "rotated" }))
}
