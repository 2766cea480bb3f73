//! Erasure: proposed, confirmed, taken back; how it stands, with its certificate.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use coffre_core::erasure::Copies;
use coffre_store::{Proposal, Receipt};
use serde_json::{Value, json};

use super::answer::Answer;
use super::caller::Caller;
use super::four_eyes::FourEyes;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{AUDIT_ENTRY, Api, body};
use crate::usecases::{EraseRecord, ErasureView, ReadErasure};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/erase", propose)
        .post("/v1/records/{type}/{id}/erase/confirm", confirm)
        .post("/v1/records/{type}/{id}/erase/withdraw", withdraw)
        .get("/v1/records/{type}/{id}/erasure", read)
}

type Place = Segments<(String, String)>;

async fn propose(
    State(api): State<Api>,
    caller: FourEyes,
    Segments((kind, id)): Place,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose", "reason"], &[])?;
    let (subject, reason) = (identifier(&id)?, Some(query.required_reason()?));
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = EraseRecord { kind, subject, purpose: query.text("purpose"), reason, request: None };
    let call = caller.signed_in(&api)?;
    let (proposal, receipt) = api.keeper.propose_erasure(&call, asked).await?;
    // Accepted: nothing is erased before another operator says so.
    Answer::new(StatusCode::ACCEPTED).with(AUDIT_ENTRY, Some(receipt.index().into())).json(&proposed(&proposal))
}

async fn confirm(
    State(api): State<Api>,
    caller: FourEyes,
    Segments((kind, id)): Place,
    request: Request,
) -> Result<Response, Problem> {
    let asked = step(&api, kind, &id, request, &["reason", "request"]).await?;
    let call = caller.signed_in(&api)?;
    let (view, receipt) = api.keeper.confirm_erasure(&call, asked).await?;
    shown(&view, &receipt)
}

async fn withdraw(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Place,
    request: Request,
) -> Result<Response, Problem> {
    let asked = step(&api, kind, &id, request, &["reason"]).await?;
    let ((), receipt) = api.keeper.withdraw_erasure(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({}))
}

async fn step(api: &Api, kind: String, id: &str, request: Request, optional: &[&str]) -> Result<EraseRecord, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], optional)?;
    let (subject, reason, request) = (identifier(id)?, query.reason()?, query.request()?);
    body::none(&parts.headers, sent, &api.limits).await?;
    Ok(EraseRecord { kind, subject, purpose: query.text("purpose"), reason, request })
}

async fn read(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Place,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["reason"])?;
    let asked = ReadErasure { kind, subject: identifier(&id)?, reason: query.reason()? };
    let (view, receipt) = api.keeper.read_erasure(&call, asked).await?;
    shown(&view, &receipt)
}

fn shown(view: &ErasureView, receipt: &Receipt) -> Result<Response, Problem> {
    Answer::recorded(receipt).json(&match view {
        ErasureView::Proposed(proposal) => proposed(proposal),
        ErasureView::Done { certificate, standing, note } => json!({
            "status": standing,
            "erased_at": certificate.erased.time,
            "places": certificate.places.iter().map(|copies| place(copies, certificate.erased.time)).collect::<Vec<_>>(),
            "certificate": note,
        }),
    })
}

fn proposed(proposal: &Proposal) -> Value {
    json!({
        "status": "proposed",
        "proposed_at": proposal.at,
        "proposed_by": proposal.by.name,
        "operator_known": proposal.by.known,
        "confirm_before": proposal.until(),
    })
}

fn place(copies: &Copies, erased: coffre_core::time::Timestamp) -> Value {
    json!({
        "place": copies.place,
        "clear": copies.is_clear_of(erased),
        "looked_at": copies.looked_at,
        "oldest": copies.oldest,
        "unaccounted": copies.unaccounted,
    })
}
