//! Which problem each refusal is that has to do with officers.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::usecases::ApprovalRefusal;

/// The problem of a refusal.
pub(super) fn problem(refusal: &ApprovalRefusal) -> Problem {
    let (status, name, title) = match refusal {
        ApprovalRefusal::Application { .. } => {
            (StatusCode::FORBIDDEN, "application-not-approved", "The application is not approved")
        }
        ApprovalRefusal::Policies(_) => {
            (StatusCode::CONFLICT, "policies-not-approved", "The policies are not approved")
        }
        ApprovalRefusal::Officer(_) | ApprovalRefusal::Officers(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid-officers", "These are no officers")
        }
        ApprovalRefusal::Enrolled { .. } => (StatusCode::CONFLICT, "officers-enrolled", "There are officers already"),
        ApprovalRefusal::HandIn { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "not-approved", "This approves nothing here")
        }
    };
    let problem = Problem::new(status, name, title, refusal);
    match refusal {
        ApprovalRefusal::HandIn { refusal, entry } => problem.with("cause", refusal.code()).with_entry(*entry),
        ApprovalRefusal::Application { entry } | ApprovalRefusal::Enrolled { entry, .. } => problem.with_entry(*entry),
        ApprovalRefusal::Policies(_) | ApprovalRefusal::Officer(_) | ApprovalRefusal::Officers(_) => problem,
    }
}
