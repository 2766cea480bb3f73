//! Applications: added, listed, revoked. A token is shown in one answer and kept nowhere.

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_store::Application;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::path::Segments;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/applications", list)
        .post("/v1/applications", add)
        .post("/v1/applications/{name}/revoke", revoke)
}

#[derive(Serialize)]
struct ApplicationView {
    id: ApplicationId,
    name: String,
    role: Role,
    added_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        let Application { id, name, role, added_at, revoked_at } = application;
        Self { id, name, role, added_at, revoked_at }
    }
}

#[derive(Serialize)]
struct AddedView<'t> {
    #[serde(flatten)]
    application: ApplicationView,
    token: &'t str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    role: Role,
}

async fn add(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let AddBody { name, role } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let (added, receipt) = api.keeper.add_application(call, name, role).await?;
    let path = format!("/v1/applications/{}", added.application.name);
    let token = added.token.reveal();
    Answer::recorded(&receipt)
        .created_at(&path)
        .json(&AddedView { application: added.application.into(), token: &token })
}

async fn list(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let found = api.keeper.list_applications().await?;
    let applications: Vec<ApplicationView> = found.into_iter().map(ApplicationView::from).collect();
    Answer::new(axum::http::StatusCode::OK).json(&json!({ "applications": applications }))
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
