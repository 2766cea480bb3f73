//! Fetching the test data that two operators agreed to: lines as they are made. The last one says that it is the last.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use coffre_core::ids::ExportId;
use coffre_import::pseudonymised::Making;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body, ndjson};

/// So many records are made before they are handed over.
const PAGE: usize = 256;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/exports/pseudonymised/fetch", fetch)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FetchBody {
    /// Which ones; the only ones that wait if it is not said.
    id: Option<ExportId>,
}

async fn fetch(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let FetchBody { id } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let request = call.request;
    let (making, receipt) = api.keeper.make_test_data(call, id).await?;
    let (lines, mut told) = mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        let hand_over = |page| lines.blocking_send(page).is_ok();
        if let Err(error) = make(making, &|page| hand_over(Ok(page))) {
            api.keeper.metrics.cut_off();
            tracing::error!(%request, %error, "making test data was broken off");
            hand_over(Err(error));
        }
    });
    let stream = futures_util::stream::poll_fn(move |context| told.poll_recv(context));
    let lines = Some(HeaderValue::from_static(ndjson::MEDIA_TYPE));
    Ok(Answer::recorded(&receipt).with(CONTENT_TYPE, lines).body(Body::from_stream(stream)))
}

/// Makes the lines, for as long as somebody takes them.
fn make(mut making: Making, hand_over: &dyn Fn(Bytes) -> bool) -> std::io::Result<()> {
    let mut page = ndjson::lines(&[making.begin()])?;
    loop {
        let records = making.by_ref().take(PAGE).collect::<Result<Vec<_>, _>>().map_err(std::io::Error::other)?;
        page.extend(ndjson::lines(&records)?);
        if records.len() < PAGE {
            page.extend(ndjson::lines(&[making.end()])?);
            hand_over(page.into());
            return Ok(());
        }
        if !hand_over(std::mem::take(&mut page).into()) {
            return Ok(());
        }
    }
}
