//! What a sealed vault answers: that it is sealed. There is no store behind this, and no key.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use coffre_core::ids::RequestId;
use coffre_store::clock::SystemEntropy;

use super::REQUEST;
use super::peer::Peer;
use super::problem::Problem;
use crate::stop::Stop;

/// For applications and for the backup account.
pub(crate) fn sealed() -> Router {
    Router::new().route("/healthz", get(alive)).route("/metrics", get(metrics)).fallback(refuse)
}

/// For the vault's own user, who may also end the process.
pub(crate) fn sealed_control(stop: Stop) -> Router {
    Router::new().route("/v1/shutdown", post(shutdown)).with_state(stop).merge(sealed())
}

async fn alive() -> Response {
    json(StatusCode::OK, r#"{"status":"alive"}"#)
}

async fn shutdown(State(stop): State<Stop>, peer: axum::Extension<Peer>) -> Response {
    if !peer.allowed {
        return refuse().await;
    }
    tracing::info!("told to stop over the control socket");
    stop.now();
    json(StatusCode::ACCEPTED, r#"{"status":"stopping"}"#)
}

async fn metrics() -> Response {
    let text = "# HELP coffre_ready 1 while the vault can serve.\n# TYPE coffre_ready gauge\ncoffre_ready 0\n\
                # HELP coffre_sealed 1 while the vault has no keys.\n# TYPE coffre_sealed gauge\ncoffre_sealed 1\n";
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    (StatusCode::OK, [(CONTENT_TYPE, plain)], text).into_response()
}

async fn refuse() -> Response {
    let detail = "the vault is sealed: its keys are no longer in memory; whoever runs it starts it again when Legal or the \
                  data protection officer agree";
    let request = RequestId::random(&mut SystemEntropy);
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "sealed", "The vault is sealed", detail);
    let mut answer = problem.render(request);
    if let Ok(id) = HeaderValue::from_str(&request.to_string()) {
        answer.headers_mut().insert(REQUEST, id);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn json(status: StatusCode, body: &'static str) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
