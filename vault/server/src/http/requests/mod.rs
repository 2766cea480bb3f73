//! Requests to Legal: filed, followed, decided, and the letters about them.

mod bodies;
mod view;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use coffre_core::ids::FilingId;
use serde_json::json;

use self::bodies::{AssignBody, FileBody, IdentifyBody, LinkBody, TextBody};
use self::view::{one, requests, standing, standing_for_filer};
use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::cursor::Cursor;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body, etag};
use crate::authentication::Operator;
use crate::printed;
use crate::usecases::{
    AcceptRequest, Call, Letter, LinkRequest, ListRequests, ReadRequest, StepAsked, TakeStep, WriteLetter,
};

const USUAL: usize = 50;
const MOST: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/requests", file)
        .get("/v1/requests", list)
        .get("/v1/requests/{id}", read)
        .post("/v1/requests/{id}/assign", assign)
        .post("/v1/requests/{id}/identify", identify)
        .post("/v1/requests/{id}/ask", ask)
        .post("/v1/requests/{id}/reply", reply)
        .post("/v1/requests/{id}/extend", extend)
        .post("/v1/requests/{id}/nothing-held", nothing_held)
        .post("/v1/requests/{id}/unidentified", unidentified)
        .post("/v1/requests/{id}/link", link)
        .post("/v1/requests/{id}/refuse", refuse)
        .post("/v1/requests/{id}/withdraw", withdraw)
        .post("/v1/requests/{id}/accept", accept)
        .get("/v1/requests/{id}/letters/{letter}", letter)
}

type Id = Segments<String>;

async fn file(State(api): State<Api>, creator: Creator, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let (filed, call) = creator.json::<FileBody>(&parts, sent, &api.limits).await?;
    let asked = filed.asked(api.keeper.now())?;
    let (filing, recorded) = api.keeper.file_request(&call, asked).await?;
    let view = standing(&filing, recorded.at);
    Answer::created(&recorded).at(&format!("/v1/requests/{}", filing.id)).json(&view)
}

async fn list(State(api): State<Api>, Caller(call): Caller, uri: Uri) -> Result<Response, Problem> {
    let optional = ["state", "kind", "assignee", "due", "after", "limit"];
    let mut query = Parameters::read(&uri, &["type"], &optional)?;
    let assignee: Option<Operator> = query.parsed("assignee", "an operator's identifier")?;
    let asked = ListRequests {
        kind: query.text("type"),
        state: query.parsed("state", "a state of requests")?,
        asks_for: query.parsed("kind", "a kind of requests")?,
        assignee: assignee.map(|operator| operator.as_str().to_owned()),
        due: query.parsed("due", "soon or overdue")?,
        after: query.parsed("after", "the `next` of a page")?.map(|Cursor(place)| place),
        limit: query.limit(USUAL, MOST)?,
    };
    let (page, receipt) = api.keeper.list_requests(&call, asked).await?;
    Answer::recorded(&receipt).json(&requests(&page, api.keeper.now()))
}

async fn read(State(api): State<Api>, Caller(call): Caller, Segments(id): Id, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["purpose", "reason"])?;
    let purpose = Some(query.text("purpose")).filter(|purpose| !purpose.is_empty());
    let asked = ReadRequest { filing: identifier(&id)?, purpose, reason: query.reason()? };
    let (view, receipt) = api.keeper.read_request(&call, asked).await?;
    Answer::recorded(&receipt).json(&one(view, api.keeper.now()))
}

async fn assign(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |AssignBody { assignee }| {
        let operator = assignee.map(|name| name.parse()).transpose();
        let wrong = |error| Problem::malformed(format!("assignee: {error}"));
        Ok(StepAsked::Assign(operator.map_err(wrong)?))
    })
    .await
}

async fn identify(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |IdentifyBody { identity }| Ok(StepAsked::Identify(identity))).await
}

async fn ask(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |body: TextBody| Ok(StepAsked::Ask(body.sound()?))).await
}

async fn reply(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |body: TextBody| Ok(StepAsked::Reply(body.sound()?))).await
}

async fn extend(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |body: TextBody| Ok(StepAsked::Extend(body.sound()?))).await
}

async fn refuse(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |body: TextBody| Ok(StepAsked::Refuse(body.sound()?))).await
}

async fn unidentified(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    with_body(api, creator, id, request, |body: TextBody| Ok(StepAsked::Unidentified(body.sound()?))).await
}

async fn nothing_held(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    without_body(api, creator, id, request, StepAsked::NothingHeld).await
}

async fn withdraw(api: State<Api>, creator: Creator, id: Id, request: Request) -> Result<Response, Problem> {
    without_body(api, creator, id, request, StepAsked::Withdraw).await
}

async fn link(
    State(api): State<Api>,
    creator: Creator,
    Segments(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["reason"])?;
    let (filing, reason) = (identifier(&id)?, query.reason()?);
    let (LinkBody { kind, id: subject }, call) = creator.json(&parts, sent, &api.limits).await?;
    let (filing, recorded) = api.keeper.link_request(&call, LinkRequest { filing, kind, subject, reason }).await?;
    Answer::kept(&recorded).json(&standing(&filing, recorded.at))
}

/// A step that says all by itself.
async fn without_body(
    State(api): State<Api>,
    creator: Creator,
    Segments(id): Id,
    request: Request,
    step: StepAsked,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["reason"])?;
    let (filing, reason) = (identifier(&id)?, query.reason()?);
    let call = creator.no_body(&parts, sent, &api.limits).await?;
    taken(&api, &call, TakeStep { filing, step, reason }).await
}

/// A step whose body says what it is about.
async fn with_body<B: serde::de::DeserializeOwned>(
    State(api): State<Api>,
    creator: Creator,
    Segments(id): Id,
    request: Request,
    step: impl FnOnce(B) -> Result<StepAsked, Problem>,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["reason"])?;
    let (filing, reason): (FilingId, _) = (identifier(&id)?, query.reason()?);
    let (said, call) = creator.json(&parts, sent, &api.limits).await?;
    taken(&api, &call, TakeStep { filing, step: step(said)?, reason }).await
}

async fn taken(api: &Api, call: &Call, asked: TakeStep) -> Result<Response, Problem> {
    let shown = if asked.step.is_the_filers() { standing_for_filer } else { standing };
    let (filing, recorded) = api.keeper.take_step(call, asked).await?;
    Answer::kept(&recorded).json(&shown(&filing, recorded.at))
}

async fn accept(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(id): Id,
    sent: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = sent.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason"])?;
    let filing = identifier(&id)?;
    let expected = etag::expected(&parts.headers)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = AcceptRequest { filing, expected, purpose: query.text("purpose"), reason: query.reason()? };
    let (filing, version, receipt) = api.keeper.accept_request(&call, asked).await?;
    let view = standing(&filing, api.keeper.now());
    Answer::recorded(&receipt).version(version).json(&json!({ "request": view, "version": version }))
}

async fn letter(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((id, letter)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["purpose"], &["language", "reason"])?;
    let language = query.parsed("language", "fr or en")?.unwrap_or(printed::Language::French);
    let letter: Letter = letter.parse().map_err(|()| {
        Problem::malformed(
            "in the path: not a letter, which is acknowledgement, extension, refusal, nothing-held or unidentified",
        )
    })?;
    let asked =
        WriteLetter { filing: identifier(&id)?, letter, purpose: query.text("purpose"), reason: query.reason()? };
    let (view, receipt) = api.keeper.write_letter(&call, asked).await?;
    Ok(page(Answer::recorded(&receipt), printed::letter(&view, language)))
}

/// A page to be printed: it runs nothing and loads nothing, whatever stands in it.
pub(super) fn page(answer: Answer, text: String) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let alone = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    answer.with(CONTENT_TYPE, Some(html)).with(CONTENT_SECURITY_POLICY, Some(alone)).body(text)
}
