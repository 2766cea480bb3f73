//! The API in HTTP: routes, headers, bodies, problems; one file per noun. What is done stands in
//! `usecases`; nothing here decides, and nothing outside knows axum.

mod answer;
mod audit;
mod backup;
mod body;
mod bulk_export;
mod bulk_import;
mod caller;
mod contactable;
mod control;
mod creator;
mod cursor;
mod digest;
mod docs;
mod documents;
mod drawn;
mod drills;
mod erasure;
mod etag;
mod export;
mod file_name;
mod four_eyes;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grants;
mod habilitations;
mod health;
mod holds;
mod log;
mod ndjson;
mod objection;
mod openapi;
mod operator;
mod parameters;
mod path;
mod peer;
mod percent;
mod problem;
mod problem_of;
mod problem_of_approvals;
mod problem_of_log;
mod problem_of_requests;
mod problem_of_test_data;
mod receipt;
mod record_body;
mod records;
mod report;
mod requests;
mod restriction;
mod retention;
mod routes;
mod scope;
mod seal;
mod sealed;
mod search;
mod subjects;
mod to_the_end;
mod unread;
mod versions;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;

pub(crate) use peer::Peer;
pub use scope::ANSWERED;
pub(crate) use sealed::{sealed, sealed_control};

use crate::authentication::OperatorTokens;
use crate::drills::DrillOptions;
use crate::limits::Limits;
use crate::options::SpoolOptions;
use crate::quotas::Quotas;
use crate::stop::Stop;
use crate::usecases::Keeper;

/// The operator whom the application acts for.
const OPERATOR: HeaderName = HeaderName::from_static("coffre-operator");
/// The token by which the identity provider vouches for them.
const OPERATOR_TOKEN: HeaderName = HeaderName::from_static("coffre-operator-token");
/// The request's identifier, on every answer.
const REQUEST: HeaderName = HeaderName::from_static("coffre-request");
/// The index of the audit entry that an answer left.
const AUDIT_ENTRY: HeaderName = HeaderName::from_static("coffre-audit-entry");

/// On an answer that was given before: `true`.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What every handler works with; cloned several times for each request, so in one piece.
#[derive(Clone)]
pub(crate) struct Api(Arc<Parts>);

impl Api {
    pub(crate) fn of(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of it.
pub(crate) struct Parts {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) limits: Limits,
    /// Who verifies operators, if they can be.
    pub(crate) operators: Option<OperatorTokens>,
    /// What one caller may ask for.
    pub(crate) quotas: Arc<Quotas>,
    /// Where base backups go.
    pub(crate) spool: Option<SpoolOptions>,
    pub(crate) drills: Option<DrillOptions>,
    pub(crate) stop: Stop,
    /// Told to seal the vault.
    pub(crate) seal: Stop,
}

/// The API for applications.
pub(crate) fn api(api: Api) -> Router {
    routes().serve("api", api)
}

fn routes() -> routes::Routes {
    records::routes()
        .merge(search::routes())
        .merge(versions::routes())
        .merge(documents::routes())
        .merge(grants::routes())
        .merge(receipt::routes())
        .merge(contactable::routes())
        .merge(habilitations::routes())
        .merge(audit::routes())
        .merge(seal::routes())
        .merge(log::routes())
        .merge(report::routes())
        .merge(subjects::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(erasure::routes())
        .merge(holds::routes())
        .merge(restriction::routes())
        .merge(objection::routes())
        .merge(requests::routes())
        .merge(export::routes())
        .merge(bulk_export::routes())
        .merge(bulk_import::routes())
        .merge(retention::routes())
}

/// The control socket: for the vault's own user.
pub(crate) fn control(api: Api) -> Router {
    control::routes().merge(drills::routes()).serve("control", api)
}

/// The backup socket: blind verbs only.
pub(crate) fn backup(api: Api) -> Router {
    backup::routes().merge(drills::routes()).serve("backup", api)
}
