//! Which problem each refusal about the log's tree is.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::usecases::LogRefusal;

/// The problem of a refusal.
pub(super) fn problem(refusal: &LogRefusal) -> Problem {
    let (status, name, title) = match refusal {
        LogRefusal::Path(_) => (StatusCode::BAD_REQUEST, "malformed-request", "The request is malformed"),
        LogRefusal::NoSuchTile => (StatusCode::NOT_FOUND, "no-such-tile", "The log has no such tile"),
        LogRefusal::NoSuchEntry { .. } => (StatusCode::NOT_FOUND, "no-such-entry", "The log has no such entry"),
        LogRefusal::Pruned { .. } => (StatusCode::GONE, "pruned", "The entries were pruned"),
        LogRefusal::Beyond { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "beyond-the-log", "The log is not that long"),
        LogRefusal::Shrinking => (StatusCode::UNPROCESSABLE_ENTITY, "beyond-the-log", "A log does not shrink"),
        LogRefusal::NoWitnesses => (StatusCode::CONFLICT, "no-witnesses", "No witness is configured"),
        LogRefusal::Note(_)
        | LogRefusal::Head(_)
        | LogRefusal::NoCosignature
        | LogRefusal::Cosignature(_)
        | LogRefusal::Future { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "not-cosigned", "The tree head is not cosigned as it should be")
        }
    };
    Problem::new(status, name, title, refusal)
}
