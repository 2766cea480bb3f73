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
mod drills;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod limits;
mod metrics;
mod operator_options;
mod options;
mod printed;
mod quotas;
mod rotating;
mod serve;
mod stop;
mod unusual;
mod usecases;

pub use authentication::JwksError;
pub use drills::{DrillOptions, Drills};
pub use http::ANSWERED;
pub use limits::Limits;
pub use operator_options::{JwksSource, OperatorOptions};
pub use options::{BackupSocket, ClientAuthority, ServerOptions, SpoolOptions, TlsFiles};
pub use quotas::CallerLimits;
pub use serve::{
    ServeError, Serving, SocketError, TlsEnd, TlsError, TlsFile, serve, serve_control, terminated, tls_ends,
};
pub use stop::Stop;
pub use unusual::AlertLimits;
pub use usecases::PoliciesNotApproved;
