//! What belongs to every request whatever its route: its identifier, its line in the log, its count,
//! the headers of every answer, the end of its body. The log gets the route's pattern, never the path or the query.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::Route;
use coffre_core::ids::RequestId;
use coffre_core::role::Role;
use tower::layer::layer_fn;
use tower::{Layer, Service, service_fn};

use super::drawn::Drawn;
use super::problem::Problem;
use super::{REQUEST, unread};
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

/// The layer. Of its own, because axum's for functions puts a copy of the route and a future of each request in boxes.
pub(super) fn scoped(
    surface: Surface,
) -> impl Layer<
    Route,
    Service: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    layer_fn(move |mut route: Route| {
        let surface = surface.clone();
        service_fn(move |mut request: Request| {
            let begun = surface.begin(&mut request);
            let rest = unread::lend(&mut request);
            let (surface, answer) = (surface.clone(), route.call(request));
            async move {
                let answer = answer.await?;
                // What did not come in time is not waited for again.
                if let Some(rest) = rest.filter(|_| answer.status() != StatusCode::REQUEST_TIMEOUT) {
                    rest.drain().await;
                }
                Ok(surface.end(begun, answer))
            }
        })
    })
}

/// A request before its answer.
struct Begun {
    at: Instant,
    route: &'static str,
    method: &'static str,
    scope: Arc<Scope>,
}

impl Surface {
    fn begin(&self, request: &mut Request) -> Begun {
        let at = Instant::now();
        let scope = Arc::new(Scope { request: RequestId::random(&mut Drawn), role: OnceLock::new() });
        let route = self.route(request.extensions().get::<MatchedPath>());
        let method = known(request.method());
        request.extensions_mut().insert(Arc::clone(&scope));
        Begun { at, route, method, scope }
    }

    fn end(&self, begun: Begun, mut answer: Response) -> Response {
        let Begun { at, route, method, scope } = begun;
        let problem = answer.extensions_mut().remove::<Problem>();
        let (mut name, mut cause) = ("", None);
        if let Some(problem) = problem {
            (name, cause) = (problem.name(), problem.logged().map(str::to_owned));
            answer = problem.render(scope.request);
        }
        let headers = answer.headers_mut();
        let mut buffer = [0; 36];
        let request = scope.request.text(&mut buffer);
        if let Ok(id) = HeaderValue::from_str(request) {
            headers.insert(REQUEST, id);
        }
        // Tiles say otherwise.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

        let took = at.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let answered = Answered { route, method, status: answer.status().as_u16(), role: scope.role.get().copied() };
        self.keeper.metrics.answered(answered, took);
        self.log(request, answered, micros, name, cause);
        answer
    }

    fn route(&self, matched: Option<&MatchedPath>) -> &'static str {
        let matched = matched.map_or("", MatchedPath::as_str);
        self.paths.iter().copied().find(|path| *path == matched).unwrap_or_default()
    }

    fn log(&self, request: &str, answered: Answered, micros: u64, problem: &str, cause: Option<String>) {
        let surface = self.name;
        let Answered { route, method, status, role } = answered;
        let role = role.map_or("none", Role::as_str);
        if let Some(cause) = cause {
            tracing::error!(target: ANSWERED, surface, request, method, route, status, micros, role, problem, cause, "answered");
        } else {
            tracing::info!(target: ANSWERED, surface, request, method, route, status, micros, role, problem, "answered");
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
