//! Legal holds on a record.

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use coffre_core::ids::HoldId;
use coffre_core::time::Timestamp;
use coffre_store::Hold;
use serde::Serialize;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::{LiftHold, ListHolds, PlaceHold};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/holds", place)
        .get("/v1/records/{type}/{id}/holds", list)
        .post("/v1/holds/{id}/lift", lift)
}

#[derive(Serialize)]
struct HoldView {
    id: HoldId,
    placed_at: Timestamp,
    lifted_at: Option<Timestamp>,
    reason: String,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        let Hold { id, placed_at, lifted_at, reason } = hold;
        Self { id, placed_at, lifted_at, reason }
    }
}

async fn place(
    State(api): State<Api>,
    creator: Creator,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose", "reason"], &[])?;
    let (subject, reason) = (identifier(&id)?, query.required_reason()?);
    let call = creator.no_body(&parts, sent, &api.limits).await?;
    let asked = PlaceHold { kind, subject, purpose: query.text("purpose"), reason };
    let (hold, recorded) = api.keeper.place_hold(&call, asked).await?;
    Answer::created(&recorded).json(&HoldView::from(hold))
}

async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["reason"])?;
    let asked = ListHolds { kind, subject: identifier(&id)?, reason: query.reason()? };
    let (holds, receipt) = api.keeper.list_holds(&call, asked).await?;
    let holds: Vec<HoldView> = holds.into_iter().map(HoldView::from).collect();
    Answer::recorded(&receipt).json(&json!({ "holds": holds }))
}

async fn lift(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose", "reason"], &[])?;
    let (hold, reason) = (identifier(&id)?, query.required_reason()?);
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = LiftHold { hold, purpose: query.text("purpose"), reason };
    let ((), receipt) = api.keeper.lift_hold(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "id": hold }))
}
