//! Importing over the control socket: one request, and lines of JSON until it has ended.
//!
//! `{"progress": {"done": 300, "total": 1000}}` as often as a batch is done, then one last line:
//! `{"report": {…}}`, or `{"fault": {"message": "…", "causes": ["…"], "unsuitable": false, "may_pass": false}}`.

use std::convert::Infallible;
use std::error::Error;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};
use crate::usecases::import_legacy::ImportLegacy;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/import", import)
}

async fn import(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: ImportLegacy = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    if !asked.dry_run {
        api.keeper.require_policies().await?;
    }
    let (lines, mut told) = mpsc::channel::<Bytes>(16);
    tokio::task::spawn_blocking(move || {
        // Whoever asked may have gone: the import goes on, and the next one finds what it brought.
        let tell = |line: &Value| {
            let _gone = lines.blocking_send(Bytes::from(format!("{line}\n")));
        };
        let mut progress = |at: coffre_import::Progress| {
            tell(&json!({ "progress": { "done": at.done, "total": at.total } }));
        };
        let ended = api.keeper.import_legacy(call, &asked, &mut progress);
        tell(&match ended {
            Ok(report) => json!({ "report": report }),
            Err(fault) => {
                let (message, causes) = (fault.to_string(), causes(&fault));
                let (unsuitable, may_pass) = (fault.is_unsuitable(), fault.may_pass());
                json!({ "fault": { "message": message, "causes": causes, "unsuitable": unsuitable, "may_pass": may_pass } })
            }
        });
    });
    let stream =
        futures_util::stream::poll_fn(move |context| told.poll_recv(context).map(|line| line.map(Ok::<_, Infallible>)));
    let lines = Some(HeaderValue::from_static("application/jsonl"));
    Ok(Answer::new(StatusCode::OK).with(CONTENT_TYPE, lines).body(Body::from_stream(stream)))
}

fn causes(fault: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = fault.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}
