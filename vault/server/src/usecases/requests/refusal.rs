//! Why something was not done with a request.

use coffre_core::day::Day;
use coffre_core::filing::{FilingKind, FilingState};
use coffre_core::record::FieldPath;
use coffre_store::transactions::{AcceptError, AnswerError, AnsweringError, FileRequestError, LinkError, StepError};
use thiserror::Error;

use crate::usecases::failure::{Failure, below, vanished};

/// Something that was not done with a request.
#[derive(Debug, Error)]
pub(crate) enum RequestRefusal {
    /// There is no such request.
    #[error("there is no such request")]
    NoSuchRequest,
    /// It was answered or taken back.
    #[error("the request is {state} already: nothing more is done with it; file another one")]
    Closed {
        /// How it stands.
        state: FilingState,
    },
    /// The act does not fulfil it.
    #[error(
        "the request is about another record or asks for something else ({kind}): leave it out, or do what it asks for"
    )]
    AnotherMatter {
        /// What it asks for.
        kind: FilingKind,
    },
    /// Nobody has checked who asks.
    #[error(
        "how the person was identified is not written down: do so first (POST …/identify); nothing is done for a stranger (GDPR article 12(6))"
    )]
    NotIdentified,
    /// It is about a record: something is held.
    #[error("the request is about a record, so something is held: do what it asks for, or refuse it")]
    SomethingHeld,
    /// The person is identified, or exercises no right.
    #[error("the person is identified, or exercises no right: do what the request asks for, or refuse it")]
    Identified,
    /// It is about a record already.
    #[error("the request is about this or another record already: a person's other request is another one")]
    NotAStranger,
    /// The record that it is to be linked to is not there.
    #[error("there is no such record to link the request to: look the person up first")]
    NoRecordToLink,
    /// The time was extended before.
    #[error("the time to answer was extended before, and is only once (GDPR article 12(3)): answer by its new day")]
    ExtendedBefore,
    /// The month is over.
    #[error(
        "the month to answer in ended on {due_on}, and is extended only within it (GDPR article 12(3)): answer now"
    )]
    TooLate {
        /// The last day.
        due_on: Day,
    },
    /// It proposes nothing.
    #[error("the request proposes no values: change the record, and name the request with `request=`")]
    NothingProposed,
    /// The record type no longer allows a value.
    #[error(
        "the record type no longer allows what is proposed for {field}: refuse the request, or change the record and name the request"
    )]
    NoLongerFits {
        /// The field.
        field: FieldPath,
    },
    /// There is nothing of this to write about.
    #[error("the request was not {what}: write this letter once it is")]
    NothingToWrite {
        /// What it would have to be.
        what: &'static str,
    },
}

impl From<RequestRefusal> for Failure {
    fn from(refusal: RequestRefusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        let refusal = match error {
            AnswerError::NoSuchRequest => RequestRefusal::NoSuchRequest,
            AnswerError::Closed { state } => RequestRefusal::Closed { state },
            AnswerError::AnotherMatter { kind } => RequestRefusal::AnotherMatter { kind },
            AnswerError::NotIdentified => RequestRefusal::NotIdentified,
            AnswerError::Store(error) => return below(&error),
        };
        Self::Request(refusal)
    }
}

impl<E> From<AnsweringError<E>> for Failure
where
    E: std::error::Error + 'static,
    Self: From<E>,
{
    fn from(error: AnsweringError<E>) -> Self {
        match error {
            AnsweringError::Act(error) => error.into(),
            AnsweringError::Answer(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Failure {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Answer(error) => error.into(),
            AcceptError::NothingProposed => RequestRefusal::NothingProposed.into(),
            AcceptError::NoLongerFits { field } => RequestRefusal::NoLongerFits { field }.into(),
            AcceptError::Amend(error) => error.into(),
            AcceptError::Store(error) => below(&error),
        }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let refusal = match error {
            StepError::NoSuchRequest => RequestRefusal::NoSuchRequest,
            StepError::Closed { state } => RequestRefusal::Closed { state },
            StepError::SomethingHeld => RequestRefusal::SomethingHeld,
            StepError::NotIdentified => RequestRefusal::NotIdentified,
            StepError::Identified => RequestRefusal::Identified,
            StepError::ExtendedBefore => RequestRefusal::ExtendedBefore,
            StepError::TooLate { due_on } => RequestRefusal::TooLate { due_on },
            StepError::Store(error) => return below(&error),
        };
        Self::Request(refusal)
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let refusal = match error {
            LinkError::NoSuchRequest => RequestRefusal::NoSuchRequest,
            LinkError::Closed { state } => RequestRefusal::Closed { state },
            LinkError::NotAStranger => RequestRefusal::NotAStranger,
            LinkError::NotIdentified => RequestRefusal::NotIdentified,
            LinkError::NoSuchRecord => RequestRefusal::NoRecordToLink,
            LinkError::Store(error) => return below(&error),
        };
        Self::Request(refusal)
    }
}

impl From<FileRequestError> for Failure {
    fn from(error: FileRequestError) -> Self {
        match error {
            FileRequestError::NoSuchRecord => vanished(),
            FileRequestError::Store(error) => below(&error),
        }
    }
}
