//! Drills, over either socket: blind verbs that give numbers, times and names of places.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;

use super::answer::Answer;
use super::parameters::Parameters;
use super::peer::Account;
use super::problem::Problem;
use super::routes::Routes;
use super::to_the_end::to_the_end;
use super::{Api, body};
use crate::usecases::Failure;

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/drills", list).post("/v1/drills", hold)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The name of a destination; otherwise the one whose last drill is longest ago.
    #[serde(default)]
    from: Option<String>,
}

/// Holds a drill, and answers when it has come to its end. That it failed is its result, and no failure of the request.
async fn hold(State(api): State<Api>, account: Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let Asked { from } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let options = api.drills.clone().ok_or_else(|| Failure::NoDestination { known: String::new() })?;
    let call = account.at_leisure(&api)?;
    let (stop, seal) = (api.stop.clone(), api.seal.clone());
    let over = move || stop.is_told() || seal.is_told();
    let held = to_the_end(api.keeper.clone().hold_drill(call, options, from, over)).await?;
    Answer::new(StatusCode::OK).json(&held)
}

async fn list(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    Answer::new(StatusCode::OK).json(&api.keeper.drill_history(objective(&api)))
}

/// How long ago the last drill that passed may be, where drills are held.
pub(super) fn objective(api: &Api) -> Option<Duration> {
    api.drills.as_ref().map(|drills| drills.objective)
}
