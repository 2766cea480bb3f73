//! The log as C2SP tools read it (tlog-tiles, tlog-proof, tlog-cosignature), below one prefix, and proofs of it in JSON.

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use coffre_core::merkle::Hash;
use coffre_store::Receipt;
use serde_json::{Value, json};

use super::answer::Answer;
use super::caller::Program;
use super::parameters::Parameters;
use super::path::Segments;
use super::problem::Problem;
use super::routes::Routes;
use super::to_the_end::to_the_end;
use super::{AUDIT_ENTRY, Api, body};
use crate::usecases::{Consistency, Inclusion};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/audit/log/checkpoint", checkpoint)
        .get("/v1/audit/log/tile/{*path}", tile)
        .post("/v1/audit/log/cosignatures", cosignatures)
        .get("/v1/audit/proof/inclusion", inclusion)
        .get("/v1/audit/proof/consistency", consistency)
        .get("/v1/audit/entries/{index}/tlog-proof", tlog_proof)
}

/// What never changes at its address. Not for caches that serve others: whoever reads needs a token.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer that left an entry, or is counted in one.
fn counted(receipt: Option<&Receipt>) -> Answer {
    Answer::new(StatusCode::OK).with(AUDIT_ENTRY, receipt.map(|receipt| receipt.index().into()))
}

async fn checkpoint(State(api): State<Api>, Program(call): Program, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let (note, receipt) = api.keeper.checkpoint(&call).await?;
    Ok(counted(receipt.as_ref()).with(CONTENT_TYPE, Some(TEXT)).body(note.to_string()))
}

async fn tile(
    State(api): State<Api>,
    Program(call): Program,
    Segments(path): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let (bytes, receipt) = api.keeper.tile(&call, &format!("tile/{path}")).await?;
    let answer = counted(receipt.as_ref())
        .with(CONTENT_TYPE, Some(HeaderValue::from_static("application/octet-stream")))
        .with(CACHE_CONTROL, Some(IMMUTABLE))
        .with(VARY, Some(HeaderValue::from_static("authorization")));
    Ok(answer.body(bytes))
}

async fn cosignatures(State(api): State<Api>, Program(call): Program, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let note = body::text(&parts.headers, sent, &api.limits).await?;
    let keeper = api.keeper.clone();
    // What is in the log as taken is published.
    let taking = async move { keeper.take_cosignatures(&call, note.into()).await };
    let (taken, receipt) = to_the_end(taking).await?;
    Answer::recorded(&receipt).json(&json!({
        "size": taken.size,
        "witnesses": taken.witnesses,
        "published": taken.published,
    }))
}

async fn inclusion(State(api): State<Api>, Program(call): Program, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["index"], &["size"])?;
    let index = query.required("index", "an entry's index")?;
    let size = query.parsed("size", "a size of the log")?;
    let (proof, receipt) = api.keeper.prove_inclusion(&call, index, size).await?;
    let Inclusion { index, size, leaf, root, hashes } = proof;
    counted(receipt.as_ref()).json(&json!({
        "index": index,
        "size": size,
        "leaf": leaf,
        "root": root,
        "hashes": hashes,
    }))
}

async fn consistency(State(api): State<Api>, Program(call): Program, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["from", "to"], &[])?;
    let from = query.required("from", "a size of the log")?;
    let to = query.required("to", "a size of the log")?;
    let (proof, receipt) = api.keeper.prove_consistency(&call, from, to).await?;
    counted(receipt.as_ref()).json(&consistency_view(&proof))
}

/// A consistency proof in JSON.
pub(super) fn consistency_view(proof: &Consistency) -> Value {
    let hashes: Vec<Hash> = proof.hashes.clone();
    json!({
        "from": proof.from,
        "to": proof.to,
        "old_root": proof.old_root,
        "new_root": proof.new_root,
        "hashes": hashes,
    })
}

async fn tlog_proof(
    State(api): State<Api>,
    Program(call): Program,
    Segments(index): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let index: u64 =
        index.parse().map_err(|_| Problem::malformed("in the path: not an entry's index, which is a number from 0"))?;
    let (proof, receipt) = api.keeper.tlog_proof(&call, index).await?;
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{index}.tlog-proof\"")).ok();
    let answer = counted(receipt.as_ref()).with(CONTENT_TYPE, Some(TEXT)).with(CONTENT_DISPOSITION, name);
    Ok(answer.body(proof.to_string()))
}
