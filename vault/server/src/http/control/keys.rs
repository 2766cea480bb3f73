//! The vault's keys.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde_json::json;
use tokio::sync::watch;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::to_the_end::to_the_end;
use crate::http::{AUDIT_ENTRY, Api, body};
use crate::rotating::{Standing, State as Stands};
use crate::usecases::RotateData;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/keys/rotate", rotate).get("/v1/keys/data", data).post("/v1/keys/data", rotate_data)
}

async fn rotate(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let recovery = body::json_or_none(&parts.headers, sent, &api.limits).await?;
    // Its entry comes first.
    let keeper = api.keeper.clone();
    let receipt = to_the_end(async move { keeper.rotate_root(call, recovery).await }).await?;
    Answer::recorded(&receipt).json(&json!({ "status": "rotated" }))
}

/// How often whoever began a rotation is told how it goes.
const TOLD_EVERY: Duration = Duration::from_millis(500);

async fn data(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    Answer::new(StatusCode::OK).json(&api.keeper.data_keys().await?)
}

/// Begins a rotation, or goes on with the one under way; then a line of JSON about how it goes, until it has ended. It goes on when the
/// caller leaves.
async fn rotate_data(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: RotateData = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    // A base backup is taken meanwhile, which takes its time.
    let keeper = api.keeper.clone();
    let receipt = to_the_end(async move { keeper.rotate_data(call, asked).await }).await?;
    let stream = futures_util::stream::unfold(Some(api.keeper.watch_rotation()), told);
    let lines = Some(HeaderValue::from_static("application/jsonl"));
    let answer = Answer::new(StatusCode::OK).with(AUDIT_ENTRY, Some(receipt.index().into()));
    Ok(answer.with(CONTENT_TYPE, lines).body(Body::from_stream(stream)))
}

type Watching = watch::Receiver<Standing>;

/// The next line, and who is told further.
async fn told(watching: Option<Watching>) -> Option<(Result<Bytes, Infallible>, Option<Watching>)> {
    let mut watching = watching?;
    let standing = watching.borrow_and_update().clone();
    let line = Bytes::from(format!("{}\n", json!(standing)));
    if standing.state != Stands::UnderWay {
        return Some((Ok(line), None));
    }
    tokio::time::sleep(TOLD_EVERY).await;
    let _keeper_is_gone = watching.changed().await;
    Some((Ok(line), Some(watching)))
}
