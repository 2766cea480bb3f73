//! Applications: added, listed, revoked; their tokens rotated. A token is shown in one answer and kept nowhere.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_store::{Application, TokenInfo};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::path::Segments;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};
use crate::usecases::{AddedProof, Listed};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
/// The longest validity of a token, and the longest time that two are in force.
const MOST_DAYS: i64 = 3650;
const MOST_OVERLAP_HOURS: i64 = 30 * 24;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/applications", list)
        .post("/v1/applications", add)
        .post("/v1/applications/{name}/revoke", revoke)
        .post("/v1/applications/{name}/rotate", rotate)
}

#[derive(Serialize)]
struct ApplicationView {
    id: ApplicationId,
    name: String,
    role: Role,
    san_uri: Option<String>,
    added_at: Timestamp,
    revoked_at: Option<Timestamp>,
    in_effect: bool,
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        let Application { id, name, role, san_uri, added_at, revoked_at, in_effect } = application;
        Self { id, name, role, san_uri, added_at, revoked_at, in_effect }
    }
}

#[derive(Serialize)]
struct TokenView {
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    expired: bool,
}

#[derive(Serialize)]
struct ListedView {
    #[serde(flatten)]
    application: ApplicationView,
    tokens: Vec<TokenView>,
}

impl ListedView {
    fn at(listed: Listed, now: Timestamp) -> Self {
        let view = |TokenInfo { issued_at, expires_at }: TokenInfo| {
            let expired = expires_at.is_some_and(|end| now >= end);
            TokenView { issued_at, expires_at, expired }
        };
        Self { application: listed.application.into(), tokens: listed.tokens.into_iter().map(view).collect() }
    }
}

#[derive(Serialize)]
struct AddedView<'t> {
    #[serde(flatten)]
    application: ApplicationView,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'t str>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    role: Role,
    valid_days: Option<i64>,
    san_uri: Option<String>,
}

impl AddBody {
    fn proof(valid_days: Option<i64>, san_uri: Option<String>) -> Result<AddedProof, Problem> {
        match (san_uri, valid_days) {
            (None, valid_days) => Ok(AddedProof::Token { valid_seconds: valid(valid_days)? }),
            (Some(san_uri), None) => Ok(AddedProof::Certificate { san_uri }),
            (Some(_), Some(_)) => {
                Err(invalid_validity("a certificate says itself until when it is valid: leave valid_days out"))
            }
        }
    }
}

fn valid(days: Option<i64>) -> Result<Option<i64>, Problem> {
    match days {
        None => Ok(None),
        Some(days @ 1..=MOST_DAYS) => Ok(Some(days * DAY)),
        Some(_) => Err(invalid_validity("a token is valid for 1 to 3650 days, or without end")),
    }
}

fn invalid_validity(detail: &str) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "invalid-validity", "A token cannot be valid for that long", detail)
}

async fn add(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: AddBody = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let AddBody { name, role, valid_days, san_uri } = asked;
    let proof = AddBody::proof(valid_days, san_uri)?;
    let (added, receipt) = api.keeper.add_application(call, name, role, proof).await?;
    let token = added.token.map(|token| token.reveal());
    let token = token.as_ref().map(|token| token.as_str());
    let view = AddedView { application: added.application.into(), token, expires_at: added.expires_at };
    Answer::recorded(&receipt).with_status(StatusCode::CREATED).json(&view)
}

async fn list(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let (found, now) = (api.keeper.list_applications().await?, api.keeper.now());
    let applications: Vec<ListedView> = found.into_iter().map(|listed| ListedView::at(listed, now)).collect();
    Answer::new(StatusCode::OK).json(&json!({ "applications": applications }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    overlap_hours: i64,
    valid_days: Option<i64>,
}

async fn rotate(
    State(api): State<Api>,
    Account(call): Account,
    Segments(name): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: RotateBody = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    if !(0..=MOST_OVERLAP_HOURS).contains(&asked.overlap_hours) {
        return Err(invalid_validity("a former token goes on for 0 to 720 hours"));
    }
    let (overlap, valid) = (asked.overlap_hours * HOUR, valid(asked.valid_days)?);
    let (token, rotated, receipt) = api.keeper.rotate_token(call, name, overlap, valid).await?;
    Answer::recorded(&receipt).json(&json!({
        "id": rotated.id,
        "token": *token.reveal(),
        "expires_at": rotated.expires_at,
        "former_until": rotated.former_until,
    }))
}

async fn revoke(
    State(api): State<Api>,
    Account(call): Account,
    Segments(name): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let (id, receipt) = api.keeper.revoke_application(call, name).await?;
    Answer::recorded(&receipt).json(&json!({ "id": id }))
}
