//! What a sealed vault answers: that it is sealed. There is no store behind this, and no key.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use coffre_core::ids::RequestId;
use coffre_store::clock::SystemEntropy;

use super::peer::Peer;
use super::problem::Problem;
use super::{REQUEST, unread};
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
        return refusal();
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

/// Reads what is sent to it first: whoever sends much would meet a broken connection, and send it again and again.
async fn refuse(mut request: Request) -> Response {
    let rest = unread::lend(&mut request);
    drop(request);
    if let Some(rest) = rest {
        rest.drain().await;
    }
    refusal()
}

fn refusal() -> Response {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use axum::http::header::EXPECT;
    use axum::http::{Request, request};
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;

    /// How many pieces of a document of a hundred are taken before it is refused.
    async fn taken(request: request::Builder) -> usize {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let piece = move |_: u32| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>("a piece")
        };
        let body = Body::from_stream(stream::iter((0..100).map(piece)));
        let answer = sealed().oneshot(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        taken.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_is_sent_is_taken_before_it_is_refused() {
        let upload = || Request::post("/v1/records/policyholder/x/documents");
        assert_eq!(taken(upload()).await, 100);
        assert_eq!(taken(upload().header(EXPECT, "100-continue")).await, 0, "it is not asked for");
    }
}
