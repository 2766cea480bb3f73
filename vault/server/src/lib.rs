//! The service: who calls, what they may do, what is done for them, and how it is said in HTTP.
//!
//! Architecture invariants:
//! - a request goes `http` → `usecases` → `authorization`; only `http` knows axum, and nothing below
//!   it knows HTTP;
//! - whatever a use case answers, its audit entry is durable first: the store's `Undisclosed` makes
//!   sure of it for content, `usecases::plan` for refusals;
//! - nothing blocks an async thread: the store is looked at on blocking threads, one hop a request.

mod authentication;
mod authorization;
mod http;
mod limits;
mod metrics;
mod options;
mod serve;
mod stop;
mod usecases;

#[cfg(fuzzing)]
pub use http::fuzzing;
pub use limits::Limits;
pub use options::{BackupSocket, ServerOptions, SpoolOptions, TlsFiles};
pub use serve::{ServeError, Serving, SocketError, TlsError, serve, serve_control, terminated};
pub use stop::Stop;
