//! Routes with a record of what they are, so that they can be compared with the API's description.

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodRouter, get, patch, post};

use super::Api;
use super::problem::Problem;
use super::scope::{Surface, scoped};

/// Routes being put together.
pub(super) struct Routes {
    router: Router<Api>,
    pub(super) known: Vec<(Method, &'static str)>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), known: Vec::new() }
    }

    pub(super) fn get<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::GET, path, get(handler))
    }

    pub(super) fn post<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::POST, path, post(handler))
    }

    pub(super) fn patch<H: Handler<T, Api>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::PATCH, path, patch(handler))
    }

    fn add(mut self, method: Method, path: &'static str, handler: MethodRouter<Api>) -> Self {
        self.known.push((method, path));
        self.router = self.router.route(path, handler);
        self
    }

    /// The routes of several nouns together.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.known.extend(other.known);
        self.router = self.router.merge(other.router);
        self
    }

    /// The service: with the answers to what matches no route, and with what every request has.
    pub(super) fn serve(self, surface: &'static str, api: Api) -> Router {
        let mut paths: Vec<&'static str> = self.known.iter().map(|(_, path)| *path).collect();
        paths.dedup();
        let surface = Surface { name: surface, keeper: api.keeper.clone(), paths: paths.into() };
        self.router
            .fallback(|| async { no_such_route() })
            .method_not_allowed_fallback(|| async { method_not_allowed() })
            .layer(scoped(surface))
            .with_state(api)
    }
}

fn no_such_route() -> Problem {
    let detail = "nothing is served at this path: see /openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "no-such-route", "No such route", detail)
}

fn method_not_allowed() -> Problem {
    let detail = "this path does not take this method: see the header Allow and /openapi.json";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
}
