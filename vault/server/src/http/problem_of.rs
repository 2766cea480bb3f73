//! Which problem each failure of a use case is. A table, complete by the compiler's word.

use axum::http::StatusCode;
use coffre_core::record::FieldPath;
use coffre_policies::{GrantFault, HabilitationFault, Reason};
use coffre_store::{CaptureError, RotateError, Unavailable};
use serde_json::{Value, json};

use super::problem::Problem;
use super::{problem_of_approvals, problem_of_log, problem_of_requests, problem_of_test_data};
use crate::usecases::{CopyError, Denial, Failure};

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unauthenticated => Self::unauthenticated(true, failure),
            Failure::NotFound { entry } => not_found("not-found", "No such record", failure).with_entry(entry),
            Failure::Denied { denial, entry } => denied(&denial, entry),
            Failure::UnknownRecordType { .. } => not_found("unknown-record-type", "No such record type", failure),
            Failure::UnknownFields { .. } => bad("unknown-field", "A field does not exist", failure),
            Failure::UnknownPurpose { .. } => bad("unknown-purpose", "The purpose does not exist", failure),
            Failure::UnknownIndex { .. } => bad("unknown-index", "The index does not exist", failure),
            Failure::EmptyTerm => bad("empty-term", "The search value holds nothing to search", failure),
            Failure::NoSuchVersion => not_found("no-such-version", "No such version", failure),
            Failure::NoSuchDocument => not_found("no-such-document", "No such document", failure),
            Failure::NoSuchGrant => not_found("no-such-grant", "No such grant", failure),
            Failure::NoSuchApplication => not_found("no-such-application", "No such application", failure),
            Failure::InvalidValues { ref faults } => {
                let list = |fault: &coffre_policies::record_type::FieldFault| json!({"field": fault.field, "fault": fault.rule.to_string()});
                let faults: Vec<Value> = faults.iter().map(list).collect();
                unprocessable("invalid-values", "Values are not what the record type allows", failure)
                    .with("faults", faults)
            }
            Failure::InvalidGrant { ref faults } => invalid_grant(faults, &failure),
            Failure::InvalidHabilitation { ref faults } => invalid_habilitation(faults, &failure),
            Failure::NoSuchHabilitation => not_found("no-such-habilitation", "No such habilitation", failure),
            Failure::NotAConsent { .. } => conflict("not-a-consent", "The grant is no consent", failure),
            Failure::NoRightToObject { .. } => unprocessable("no-right-to-object", "No objecting to this", failure),
            Failure::NoSuchChannel { .. } => bad("no-such-channel", "Nobody is reached through this channel", failure),
            Failure::NoSuchEvidence => unprocessable("no-such-evidence", "The evidence is not there", failure),
            Failure::DigestMismatch => unprocessable("digest-mismatch", "The content has another digest", failure),
            Failure::NotAName => unprocessable("not-a-name", "Not an application name", failure),
            Failure::NotAUri => unprocessable("not-a-uri", "Not a URI of an application", failure),
            Failure::NoToken => conflict("no-token", "The application has no token", failure),
            Failure::UriTaken => conflict("uri-taken", "The URI is taken", failure),
            Failure::Stale { current } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "stale", "The record has changed", failure)
                    .with("current_version", current)
            }
            Failure::NotCopied(ref error) => not_copied(error),
            Failure::Approval(ref refusal) => problem_of_approvals::problem(refusal),
            Failure::Request(ref refusal) => problem_of_requests::problem(refusal),
            Failure::Log(ref refusal) => problem_of_log::problem(refusal),
            Failure::TestData(ref refusal) => problem_of_test_data::problem(refusal),
            Failure::NotCaptured(CaptureError::Busy) | Failure::NotRotated(RotateError::Busy) => {
                conflict("capture-running", "A capture is under way", failure)
            }
            Failure::NotCaptured(CaptureError::Unavailable(cause))
            | Failure::NotRotated(RotateError::Unavailable(cause)) => Failure::Unavailable(cause).into(),
            Failure::NotCaptured(ref error) => not_captured(error),
            Failure::DrillUnderWay => conflict("drill-running", "A drill is under way", failure),
            Failure::NoDestination { .. } => not_found("no-such-destination", "No such destination", failure),
            Failure::NotRotated(RotateError::Recipient(_)) => {
                bad("no-recipient", "The recovery recipient is none", failure)
            }
            Failure::NotRotated(RotateError::NotCaptured(ref cause)) => data_not_rotated(cause, &failure),
            Failure::NotRotated(ref error) => not_rotated(error),
            Failure::StaleDocument => conflict("stale-document", "The document has changed", failure),
            Failure::NameTaken => conflict("name-taken", "The name is taken", failure),
            Failure::TooLong { most } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", failure)
                    .with("most_bytes", most)
            }
            Failure::OnHold { entry } => conflict("on-hold", "A legal hold stands on it", failure).with_entry(entry),
            Failure::MustBeKept { ref kept, entry } => {
                let kept = json!(kept);
                conflict("must-be-kept", "It must still be kept", failure).with("kept", kept).with_entry(entry)
            }
            Failure::RequestWaits { entry } => conflict("request-waits", "A request waits", failure).with_entry(entry),
            Failure::NotAnotherOperator { entry } => {
                conflict("not-another-operator", "One operator is not enough", failure).with_entry(entry)
            }
            Failure::NotProposed => conflict("not-proposed", "No erasure is proposed", failure),
            Failure::SealNotProposed => conflict("not-proposed", "Nobody proposed to seal", failure),
            Failure::NoSuchExport => not_found("no-such-export", "No such export", failure),
            Failure::NoSuchErasure => not_found("no-such-erasure", "No such erasure", failure),
            Failure::NoSuchHold => not_found("no-such-hold", "No such hold", failure),
            Failure::UnusableReport { .. } => unprocessable("unusable-report", "The report proves nothing", failure),
            Failure::NoSuchPlace => not_found("no-such-place", "No such place", failure),
            Failure::SpoolStays => conflict("spool-stays", "The spool cannot be struck off", failure),
            Failure::KeyReused => unprocessable("idempotency-key-reused", "The key is of another request", failure),
            Failure::KeyInUse => {
                conflict("idempotency-key-in-use", "The first request is under way", failure).again_after(1)
            }
            Failure::AnswerErased => Self::new(StatusCode::GONE, "answer-erased", "It was erased since", failure),
            Failure::Contended => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "contended", "Access is changing", failure).again_after(1)
            }
            Failure::Unavailable(Unavailable::Busy) => busy(&failure),
            Failure::Unavailable(ref cause) => {
                let logged = cause.to_string();
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The vault cannot serve now", failure)
                    .again_after(5)
                    .logged_as(logged)
            }
            Failure::Unreadable(_)
            | Failure::Unstaged(_)
            | Failure::Damaged(_)
            | Failure::Tree(_)
            | Failure::NotKept(_)
            | Failure::Answered(_)
            | Failure::Internal { .. } => internal(&failure),
        }
    }
}

/// Not told to the log: there would be as many lines as there are requests.
fn busy(failure: &Failure) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The vault has too much to do", failure).again_after(1)
}

fn invalid_grant(faults: &[GrantFault], failure: &Failure) -> Problem {
    let told = |fault: &GrantFault| json!({ "field": fault.member(), "fault": fault.to_string() });
    let faults: Vec<Value> = faults.iter().map(told).collect();
    let title = "The grant cannot be given";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-grant", title, failure).with("faults", faults)
}

fn invalid_habilitation(faults: &[HabilitationFault], failure: &Failure) -> Problem {
    let told = |fault: &HabilitationFault| json!({ "field": fault.member(), "fault": fault.to_string() });
    let faults: Vec<Value> = faults.iter().map(told).collect();
    let title = "The habilitation cannot be given";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-habilitation", title, failure).with("faults", faults)
}

fn denied(denial: &Denial, entry: u64) -> Problem {
    let title = "The policies refuse this";
    let text = match denial.cause {
        Some(cause) => format!("refused ({cause}); the refusal is entry {entry} of the audit log"),
        None => format!("refused; the refusal is entry {entry} of the audit log"),
    };
    let code = |(field, reason): (&FieldPath, &Reason)| (field.to_string(), Value::from(reason.as_str()));
    let mut problem = Problem::new(StatusCode::FORBIDDEN, "denied", title, text)
        .with("denied_by", denial.policies.clone())
        .with("cause", denial.cause.map(Reason::as_str));
    if !denial.withheld.is_empty() {
        problem = problem.with("withheld", Value::Object(denial.withheld.iter().map(code).collect()));
    }
    problem.with_entry(entry)
}

/// What is wrong on the server's side is told to its log, not to the client.
fn internal(failure: &Failure) -> Problem {
    let detail = "the server could not do this; its log says why under the request's identifier";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong in the vault", detail)
        .logged_as(with_causes(failure))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What the backup account is told is for its own log and its scheduler.
fn not_captured(error: &CaptureError) -> Problem {
    let (status, name) = name_of(error);
    Problem::new(status, name, "No base backup was taken", error).logged_as(with_causes(error))
}

const fn name_of(error: &CaptureError) -> (StatusCode, &'static str) {
    match error {
        CaptureError::SpoolFull | CaptureError::SpoolLimit { .. } => (StatusCode::SERVICE_UNAVAILABLE, "spool-full"),
        CaptureError::Page { .. } | CaptureError::Document { .. } | CaptureError::NoDocument { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "document-damaged")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "not-captured"),
    }
}

fn not_rotated(error: &RotateError) -> Problem {
    let title = match error {
        RotateError::Undecided(_) | RotateError::Unfinished(_) | RotateError::HalfDone => {
            "The rotation of the root key is not finished"
        }
        _ => "The root key was not replaced",
    };
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not-rotated", title, error).logged_as(with_causes(error))
}

/// With the cause: whoever asked is the host's administrator.
fn data_not_rotated(cause: &CaptureError, failure: &Failure) -> Problem {
    let ((status, name), detail) = (name_of(cause), with_causes(failure));
    Problem::new(status, name, "The data are not rotated", &detail).logged_as(detail)
}

fn not_copied(error: &CopyError) -> Problem {
    let title = "The log was not copied";
    match error {
        CopyError::Relative | CopyError::NotEmpty { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unsuitable-folder", title, error)
        }
        CopyError::Write { .. } | CopyError::Head(_) | CopyError::Log(_) | CopyError::Pruned => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not-copied", title, error).logged_as(with_causes(error))
        }
    }
}

fn bad(name: &'static str, title: &'static str, failure: Failure) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, name, title, failure)
}

fn not_found(name: &'static str, title: &'static str, failure: Failure) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, name, title, failure)
}

fn conflict(name: &'static str, title: &'static str, failure: Failure) -> Problem {
    Problem::new(StatusCode::CONFLICT, name, title, failure)
}

fn unprocessable(name: &'static str, title: &'static str, failure: Failure) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, name, title, failure)
}
