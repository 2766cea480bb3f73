//! For whoever watches the service: is it alive, can it serve, how much does it do. No token is
//! asked for; nothing here names a person or a caller.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::Api;
use super::answer::Answer;
use super::drills::objective;
use super::problem::Problem;
use super::routes::Routes;
use crate::usecases::Failure;

pub(super) fn routes() -> Routes {
    Routes::new().get("/healthz", alive).get("/readyz", ready).get("/metrics", metrics)
}

async fn alive() -> Result<Response, Problem> {
    Answer::new(StatusCode::OK).json(&json!({ "status": "alive" }))
}

async fn ready(State(api): State<Api>) -> Result<Response, Problem> {
    api.keeper.readiness().map_err(Failure::Unavailable)?;
    Answer::new(StatusCode::OK).json(&json!({ "status": "ready" }))
}

async fn metrics(State(api): State<Api>) -> Response {
    // A vault that cannot be counted still tells that it is not ready.
    let statistics = api.keeper.statistics().await.ok();
    let keeper = &api.keeper;
    let (drills, ready) = (keeper.drill_history(objective(&api)), keeper.readiness().is_ok());
    let (epoch, rotation) = (keeper.data_epoch(), keeper.watch_rotation().borrow().clone());
    let rotation = (epoch, &rotation);
    let text = keeper.metrics.exposition(ready, keeper.reserve(), statistics, &keeper.capture(), &drills, rotation);
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Answer::new(StatusCode::OK).with(CONTENT_TYPE, Some(plain)).body(text)
}
