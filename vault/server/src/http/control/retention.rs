//! Retention, for the job of the vault's own user.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/retention/plan", plan).post("/v1/retention/run", run)
}

async fn plan(State(api): State<Api>, Account(call): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let (plan, receipt) = api.keeper.plan_retention_here(call).await?;
    Answer::recorded(&receipt).json(&plan)
}

async fn run(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    api.keeper.require_policies().await?;
    Answer::new(StatusCode::OK).json(&api.keeper.run_retention_here(call).await?)
}
