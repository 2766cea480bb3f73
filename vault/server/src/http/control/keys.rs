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
use tokio::time::{Interval, MissedTickBehavior};

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
    let stream = futures_util::stream::unfold(Some(Watching::of(api.keeper.watch_rotation())), told);
    let lines = Some(HeaderValue::from_static("application/jsonl"));
    let answer = Answer::new(StatusCode::OK).with(AUDIT_ENTRY, Some(receipt.index().into()));
    Ok(answer.with(CONTENT_TYPE, lines).body(Body::from_stream(stream)))
}

/// Who is told, and when again at the earliest.
struct Watching {
    standing: watch::Receiver<Standing>,
    every: Interval,
}

impl Watching {
    /// Told at once how it stands, then what has changed.
    fn of(mut standing: watch::Receiver<Standing>) -> Self {
        standing.mark_changed();
        let mut every = tokio::time::interval(TOLD_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { standing, every }
    }
}

/// The next line, once there is one, and who is told further.
async fn told(watching: Option<Watching>) -> Option<(Result<Bytes, Infallible>, Option<Watching>)> {
    let mut watching = watching?;
    watching.every.tick().await;
    let keeper_is_gone = watching.standing.changed().await.is_err();
    let standing = watching.standing.borrow_and_update().clone();
    let line = Bytes::from(format!("{}\n", json!(standing)));
    let goes_on = standing.state == Stands::UnderWay && !keeper_is_gone;
    Some((Ok(line), goes_on.then_some(watching)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn what_a_rotation_waits_for_is_told_while_it_waits() {
        let going = Standing { state: Stands::UnderWay, ..Standing::default() };
        let sender = watch::Sender::new(going.clone());
        let (first, watching) = told(Some(Watching::of(sender.subscribe()))).await.unwrap();
        assert_eq!(first.unwrap(), format!("{}\n", json!(going)));
        let waits = Standing { waits: Some("a base backup".to_owned()), ..going };
        sender.send_replace(waits.clone());
        // Nothing changes any more before this is read.
        let (line, watching) = tokio::time::timeout(Duration::from_mins(1), told(watching)).await.unwrap().unwrap();
        assert_eq!(line.unwrap(), format!("{}\n", json!(waits)));
        sender.send_replace(Standing { state: Stands::Finished, ..waits });
        assert!(told(watching).await.unwrap().1.is_none(), "nobody is told any more");
    }
}
