//! The backup socket's verbs, all of them blind: they give numbers and take no content out.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use coffre_core::erasure::Copies;
use coffre_core::ids::GenerationId;
use coffre_core::spool::Ordinal;
use coffre_store::CaughtUp;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::parameters::Parameters;
use super::peer::Account;
use super::problem::Problem;
use super::routes::Routes;
use super::to_the_end::to_the_end;
use super::{Api, body};
use crate::metrics::Destination;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/status", status)
        .post("/v1/base", base)
        .post("/v1/capture", capture)
        .post("/v1/copies", copies)
        .post("/v1/confirmed", confirmed)
        .post("/v1/keep", keep)
}

async fn status(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    Answer::new(StatusCode::OK).json(&api.keeper.status().await?)
}

/// Takes a base backup into the configured spool: where it goes is not the caller's to say. Only whether the spool was
/// lost, which nobody else can know.
async fn base(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["spool_lost"])?;
    let lost = query.parsed("spool_lost", "true or false")?.unwrap_or(false);
    body::none(&parts.headers, sent, &api.limits).await?;
    let spool = api.spool.clone().ok_or_else(no_spool)?;
    if lost {
        api.keeper.spool_was_lost();
    }
    let keeper = api.keeper.clone();
    let captured = to_the_end(async move { keeper.capture_base(call, spool.folder, spool.keep).await }).await?;
    Answer::new(StatusCode::CREATED).json(&json!({
        "number": captured.number,
        "time": captured.time,
        "database_bytes": captured.database_bytes,
        "new_documents": captured.new_documents,
        "new_document_bytes": captured.new_document_bytes,
        "entries": captured.entries,
    }))
}

/// More places than any vault is copied to. Each is kept, and compared with those that were told of before.
const MOST_PLACES: usize = 64;

fn check_number<T>(places: &[T]) -> Result<(), Problem> {
    if places.len() <= MOST_PLACES {
        return Ok(());
    }
    Err(Problem::malformed(format!("at most {MOST_PLACES} places are taken at a time")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    places: Vec<Copies>,
}

/// Takes what the backup account found of the keyring at each place: names, times and counts.
async fn copies(State(api): State<Api>, account: Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let Report { places } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    check_number(&places)?;
    let ((), receipt) = api.keeper.report_copies(account.at_leisure(&api)?, places).await?;
    Answer::recorded(&receipt).json(&json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    /// The newest base backup that every destination holds.
    newest: Option<BaseName>,
    /// How far each of them is, for the metrics.
    #[serde(default)]
    destinations: Vec<Destination>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseName {
    generation: GenerationId,
    number: Ordinal,
}

/// Takes up to which base backup every destination is: what comes after it stays in the spool. Nothing of a person, and
/// told at every run: it leaves no entry.
async fn confirmed(State(api): State<Api>, Account(_): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let Confirmed { newest, destinations } =
        body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    check_number(&destinations)?;
    api.keeper.metrics.shipped(destinations);
    api.keeper.confirmed(newest.map(|base| (base.generation, base.number)));
    Answer::new(StatusCode::OK).json(&json!({}))
}

/// For how long nothing is dropped from the spool after the last word of whoever reads it.
const KEPT: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    /// Whether everything is to stay.
    everything: bool,
}

/// Has everything stay in the spool while it is read, or lets go again what need not stay. Nothing of a person: it leaves
/// no entry.
async fn keep(State(api): State<Api>, Account(_): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let Keep { everything } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let longest = if everything { KEPT } else { Duration::ZERO };
    api.keeper.keep_everything(longest).await?;
    Answer::new(StatusCode::OK).json(&json!({ "seconds": longest.as_secs() }))
}

/// Makes sure that everything committed by now is in the spool.
async fn capture(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let spool = api.spool.clone().ok_or_else(no_spool)?;
    let keeper = api.keeper.clone();
    let caught_up = to_the_end(async move { keeper.catch_up(call, spool.folder, spool.keep).await }).await?;
    let CaughtUp { base, taken, time } = caught_up;
    Answer::new(StatusCode::OK).json(&json!({ "base": base, "taken": taken, "time": time }))
}

fn no_spool() -> Problem {
    let detail = "no spool is configured: set `spool` in [backup] of coffre.toml and start the server again";
    Problem::new(StatusCode::CONFLICT, "no-spool", "There is no spool", detail)
}
