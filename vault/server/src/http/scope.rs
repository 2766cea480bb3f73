//! What belongs to every request whatever its route: its identifier, its line in the log, its count,
//! the headers of every answer. The log gets the route's pattern, never the path or the query.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use coffre_core::ids::RequestId;
use coffre_core::role::Role;
use coffre_store::clock::SystemEntropy;

use super::REQUEST;
use super::problem::Problem;
use crate::metrics::Answered;
use crate::usecases::Keeper;

/// The target of the line in the log that says that a request was answered.
pub const ANSWERED: &str = "coffre_server::answered";

/// One request.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(super) request: RequestId,
    /// Set once the application is known.
    pub(super) role: OnceLock<Role>,
}

/// What the layer knows of its router.
#[derive(Clone)]
pub(super) struct Surface {
    pub(super) name: &'static str,
    pub(super) keeper: Arc<Keeper>,
    pub(super) paths: Arc<[&'static str]>,
}

/// The layer.
pub(super) async fn scoped(State(surface): State<Surface>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let scope = Arc::new(Scope { request: RequestId::random(&mut SystemEntropy), role: OnceLock::new() });
    let route = surface.route(request.extensions().get::<MatchedPath>());
    let method = known(request.method());
    request.extensions_mut().insert(Arc::clone(&scope));

    let mut answer = next.run(request).await;
    let problem = answer.extensions_mut().remove::<Problem>();
    let (mut name, mut cause) = ("", None);
    if let Some(problem) = problem {
        (name, cause) = (problem.name(), problem.logged().map(str::to_owned));
        answer = problem.render(scope.request);
    }
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&scope.request.to_string()) {
        headers.insert(REQUEST, id);
    }
    // Tiles say otherwise.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let took = began.elapsed();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let answered = Answered { route, method, status: answer.status().as_u16(), role: scope.role.get().copied() };
    surface.keeper.metrics.answered(answered, took);
    surface.log(scope.request, answered, micros, name, cause);
    answer
}

impl Surface {
    fn route(&self, matched: Option<&MatchedPath>) -> &'static str {
        let matched = matched.map_or("", MatchedPath::as_str);
        self.paths.iter().copied().find(|path| *path == matched).unwrap_or_default()
    }

    fn log(&self, request: RequestId, answered: Answered, micros: u64, problem: &str, cause: Option<String>) {
        let surface = self.name;
        let Answered { route, method, status, role } = answered;
        let role = role.map_or("none", Role::as_str);
        if let Some(cause) = cause {
            tracing::error!(target: ANSWERED, surface, %request, method, route, status, micros, role, problem, cause, "answered");
        } else {
            tracing::info!(target: ANSWERED, surface, %request, method, route, status, micros, role, problem, "answered");
        }
    }
}

/// A method's name, from a closed set.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
