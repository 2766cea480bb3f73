//! Importing over the control socket, from a legacy database or a set of test data: one request, and lines of JSON until it has ended.
//!
//! `{"progress": {"done": 300, "total": 1000}}` as often as a batch is done, then one last line:
//! `{"report": {…}}`, or `{"fault": {"message": "…", "causes": ["…"], "unsuitable": false, "may_pass": false}}`.

use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use coffre_import::Progress;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};
use crate::usecases::import_legacy::{ImportFault, ImportLegacy};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/import", import).post("/v1/import/pseudonymised", load)
}

async fn import(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: ImportLegacy = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    if !asked.dry_run {
        api.keeper.require_policies().await?;
    }
    Ok(told_meanwhile(move |progress| {
        api.keeper.import_legacy(call, &asked, progress).map(|report| json!({ "report": report }))
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadBody {
    /// The set on the vault's host.
    from: PathBuf,
}

async fn load(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let LoadBody { from } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    api.keeper.require_policies().await?;
    Ok(told_meanwhile(move |progress| {
        api.keeper.load_test_data(call, &from, progress).map(|loaded| json!({ "report": loaded }))
    }))
}

/// Answers how far it is, line by line, and last what came of it.
fn told_meanwhile(
    work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<Value, ImportFault> + Send + 'static,
) -> Response {
    let (lines, mut told) = mpsc::channel::<Bytes>(16);
    tokio::task::spawn_blocking(move || {
        // Whoever asked may have gone: the import goes on, and the next one finds what it brought.
        let tell = |line: &Value| {
            let _gone = lines.blocking_send(Bytes::from(format!("{line}\n")));
        };
        let mut progress = |at: Progress| {
            tell(&json!({ "progress": { "done": at.done, "total": at.total } }));
        };
        tell(&match work(&mut progress) {
            Ok(report) => report,
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
    Answer::new(StatusCode::OK).with(CONTENT_TYPE, lines).body(Body::from_stream(stream))
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
