//! Which problem each refusal about a request is.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::usecases::RequestRefusal;

pub(super) fn problem(refusal: &RequestRefusal) -> Problem {
    let conflict = |name, title| Problem::new(StatusCode::CONFLICT, name, title, refusal);
    match refusal {
        RequestRefusal::NoSuchRequest => {
            Problem::new(StatusCode::NOT_FOUND, "no-such-request", "No such request", refusal)
        }
        RequestRefusal::Closed { state } => {
            conflict("request-closed", "The request is answered").with("state", state.as_str())
        }
        RequestRefusal::AnotherMatter { kind } => {
            conflict("another-matter", "The request asks for something else").with("kind", kind.as_str())
        }
        RequestRefusal::NotIdentified => conflict("not-identified", "Nobody has checked who asks"),
        RequestRefusal::SomethingHeld => conflict("something-held", "Something is held about the person"),
        RequestRefusal::Identified => conflict("identified", "The person is identified"),
        RequestRefusal::NotAStranger => conflict("not-a-stranger", "The request is about a record"),
        RequestRefusal::NoRecordToLink => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-record-to-link", "There is no such record", refusal)
        }
        RequestRefusal::ExtendedBefore => conflict("extended-before", "The time was extended before"),
        RequestRefusal::TooLate { due_on } => {
            conflict("too-late", "The month is over").with("due_on", due_on.to_string())
        }
        RequestRefusal::NothingProposed => conflict("nothing-proposed", "The request proposes no values"),
        RequestRefusal::NoLongerFits { field } => {
            conflict("no-longer-fits", "The proposal is no longer allowed").with("field", field.as_str())
        }
        RequestRefusal::NothingToWrite { .. } => conflict("nothing-to-write", "There is nothing of this to write"),
    }
}
