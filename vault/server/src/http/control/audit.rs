//! The log as a whole: verified where it stands, copied for others, its head.

use std::path::PathBuf;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::report::asked;
use crate::http::routes::Routes;
use crate::http::to_the_end::to_the_end;
use crate::http::{Api, body, log};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/audit/verify", verify)
        .post("/v1/audit/export", export)
        .get("/v1/audit/tree-head", tree_head)
        .get("/v1/audit/proof", proof)
        .get("/v1/audit/proof/consistency", consistency)
        .get("/v1/audit/report", report)
}

/// What is wrong with the log is an answer, not a problem of the request.
async fn verify(State(api): State<Api>, Account(_): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let verified = api.keeper.verify_log().await?;
    Answer::new(StatusCode::OK).json(&json!({
        "sound": verified.fault.is_none(),
        "minimum_index": verified.minimum_index,
        "fault": verified.fault.map(|fault| fault.to_string()),
        "origin": verified.head.origin,
        "size": verified.head.size,
        "root": verified.head.root.to_string(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportBody {
    /// A new or empty folder on the vault's host.
    to: PathBuf,
}

async fn export(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let ExportBody { to } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    // Its entry comes first.
    let keeper = api.keeper.clone();
    let copied = to_the_end(async move { keeper.copy_log(call, to).await }).await?;
    Answer::new(StatusCode::CREATED).json(&json!({
        "origin": copied.head.origin,
        "size": copied.head.size,
        "root": copied.head.root.to_string(),
        "files": copied.files,
        "bytes": copied.bytes,
    }))
}

async fn tree_head(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let text = Some(HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(Answer::new(StatusCode::OK).with(CONTENT_TYPE, text).body(api.keeper.tree_head().note))
}

/// An entry and its proof, as texts to be kept in files.
async fn proof(State(api): State<Api>, Account(call): Account, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["index"], &[])?;
    let index = query.required("index", "an entry's index")?;
    let proven = api.keeper.prove_locally(call, index).await?;
    Answer::new(StatusCode::OK).json(&json!({
        "index": index,
        "entry": String::from_utf8_lossy(&proven.leaf),
        "proof": proven.proof.to_string(),
    }))
}

async fn consistency(State(api): State<Api>, Account(call): Account, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["from"], &["to"])?;
    let from = query.required("from", "a size of the log")?;
    let to = query.parsed("to", "a size of the log")?;
    let proof = api.keeper.prove_consistency_locally(call, from, to).await?;
    Answer::new(StatusCode::OK).json(&log::consistency_view(&proof))
}

async fn report(State(api): State<Api>, Account(call): Account, uri: Uri) -> Result<Response, Problem> {
    let (report, receipt) = api.keeper.report_audit_locally(call, asked(&uri)?).await?;
    Answer::recorded(&receipt).json(&report)
}
