//! Retention: what the rules would do, and letting them be applied.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/retention/plan", plan).post("/v1/retention/run", run)
}

async fn plan(State(api): State<Api>, Caller(call): Caller, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let (plan, receipt) = api.keeper.plan_retention(&call).await?;
    Answer::recorded(&receipt).json(&plan)
}

async fn run(State(api): State<Api>, Caller(call): Caller, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    body::none(&parts.headers, sent, &api.limits).await?;
    Answer::new(StatusCode::OK).json(&api.keeper.run_retention(&call).await?)
}
