//! Which problem each refusal about test data is.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::usecases::TestDataRefusal;

/// The problem of a refusal.
pub(super) fn problem(refusal: &TestDataRefusal) -> Problem {
    let (status, name, title) = match refusal {
        TestDataRefusal::NoneAgreed => (StatusCode::NOT_FOUND, "none-agreed", "No test data wait"),
        TestDataRefusal::SeveralAgreed { .. } => {
            (StatusCode::CONFLICT, "several-agreed", "Several sets of test data wait")
        }
        TestDataRefusal::TooManyRecords { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "too-many-records", "There are too many records")
        }
    };
    Problem::new(status, name, title, refusal)
}
