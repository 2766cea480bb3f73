//! Acts that fulfil a request: the act, the answer and both entries are one commit. Whether the act may be done is
//! decided as ever; that it serves this request is looked at here, before it is done.

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::filing::{Filing, FilingAct, FilingKind, FilingState, IdentityCheck};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::FieldPath;
use coffre_core::source::Source;
use serde_json::Value;
use thiserror::Error;

use super::amend_record::{AmendError, AmendRecord};
use super::{Transaction, filings, sources};
use crate::filings as stored;
use crate::writer::{Work, WorkError};

/// A request that an act does not fulfil.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// There is no such request.
    #[error("there is no such request")]
    NoSuchRequest,
    /// It was answered or taken back.
    #[error("the request is {state} already")]
    Closed {
        /// How it stands.
        state: FilingState,
    },
    /// It is about somebody else, or asks for something else.
    #[error("the request is about another record, or asks for something else: it is a request of {kind}")]
    AnotherMatter {
        /// What it asks for.
        kind: FilingKind,
    },
    /// Nobody has checked who asks.
    #[error(
        "how the person was identified is not written down: do so first, nothing is done for a stranger (GDPR article 12(6))"
    )]
    NotIdentified,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

/// An act, and the request that it fulfils.
pub struct Answering<T> {
    /// The act.
    pub act: T,
    /// The record it is done to.
    pub subject: SubjectId,
    /// The request; none where nobody filed one.
    pub filing: Option<FilingId>,
}

/// Why neither the act nor the answer was committed.
#[derive(Debug, Error)]
pub enum AnsweringError<E: std::error::Error + 'static> {
    /// The act was not done.
    #[error(transparent)]
    Act(E),
    /// The request is not fulfilled by it.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl<T: Transaction> Transaction for Answering<T> {
    type Output = T::Output;
    type Error = AnsweringError<T::Error>;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<T::Output, Self::Error> {
        let Some(id) = self.filing else { return self.act.run(work, base).map_err(AnsweringError::Act) };
        let filing = answerable(work, id, base.action)?;
        if filing.subject != self.subject {
            return Err(AnswerError::AnotherMatter { kind: filing.kind }.into());
        }
        let entries = work.effects.entries.len();
        let output = self.act.run(work, base.clone()).map_err(AnsweringError::Act)?;
        // An act that was refused, with an entry that says so, answers nothing.
        let refused = |entry: &Draft| entry.decision == Decision::Deny;
        if !work.effects.entries.iter().skip(entries).any(refused) {
            fulfil(work, filing, &base).map_err(AnswerError::from)?;
        }
        Ok(output)
    }
}

/// Notes that a request was fulfilled by a disclosure, which has its own entry of the same call.
pub struct FulfilRequest {
    /// The request.
    pub filing: FilingId,
    /// What was done for it.
    pub by: Action,
}

impl Transaction for FulfilRequest {
    type Output = ();
    type Error = AnswerError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), AnswerError> {
        let filing = answerable(work, self.filing, self.by)?;
        fulfil(work, filing, &base)?;
        Ok(())
    }
}

/// Whether a proposed value is still one that the record type allows.
pub type Fits = Box<dyn Fn(&FieldPath, Option<&Value>) -> bool + Send>;

/// Applies the values that a request proposes. They do not leave the store to be applied.
pub struct AcceptChange {
    /// The request.
    pub filing: FilingId,
    /// The version the change was looked at against (`If-Match`).
    pub expected_version: u32,
    /// The record type's rules, which may have changed since the request was filed.
    pub fits: Fits,
}

/// A proposed change that was not applied.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// The request is not to be answered so.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// It proposes no values.
    #[error("the request proposes no values: change the record, naming the request")]
    NothingProposed,
    /// The record type no longer allows a value.
    #[error(
        "the record type no longer allows what is proposed for {field}: refuse the request, or change the record, naming the request"
    )]
    NoLongerFits {
        /// The field.
        field: FieldPath,
    },
    /// The record was not changed.
    #[error(transparent)]
    Amend(#[from] AmendError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AcceptChange {
    /// The record's version.
    type Output = (Filing, u32);
    type Error = AcceptError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(Filing, u32), AcceptError> {
        let filing = answerable(work, self.filing, base.action)?;
        work.record(&filing.record_type, filing.subject)?.ok_or(AmendError::NoSuchRecord)?;
        let changes = filings::proposed(work, &filing)?;
        if changes.is_empty() {
            return Err(AcceptError::NothingProposed);
        }
        if let Some((field, _)) = changes.iter().find(|(field, value)| !(self.fits)(field, value.as_ref())) {
            return Err(AcceptError::NoLongerFits { field: field.clone() });
        }
        let (record_type, subject) = (filing.record_type.clone(), filing.subject);
        let amend = AmendRecord { record_type, subject, expected_version: self.expected_version, changes };
        let version = amend.run(work, base.clone())?;
        // Legal accepts what another service has learnt.
        sources::add(work, filing.subject, Source::Service(filing.filer_role))?;
        Ok((fulfil(work, filing, &base)?, version))
    }
}

/// A request that an act of this kind may answer now.
fn answerable(work: &Work<'_>, id: FilingId, act: Action) -> Result<Filing, AnswerError> {
    let filing = work.try_run(stored::find(work.around.vault, id))?.ok_or(AnswerError::NoSuchRequest)?;
    if !filing.state.is_pending() {
        return Err(AnswerError::Closed { state: filing.state });
    }
    if filing.kind.fulfilled_by() != act {
        return Err(AnswerError::AnotherMatter { kind: filing.kind });
    }
    if filing.kind.is_right() && filing.identity == IdentityCheck::NotChecked {
        return Err(AnswerError::NotIdentified);
    }
    Ok(filing)
}

fn fulfil(work: &mut Work<'_>, mut filing: Filing, base: &Draft) -> Result<Filing, WorkError> {
    filing.state = FilingState::Fulfilled;
    filings::close(work, &mut filing, base);
    work.try_run(stored::put(work.around.vault, &filing))?;
    filings::note(work, &filing, FilingAct::Fulfil, base, None)?;
    let entry = filings::about(base.clone(), &filing);
    work.log(Draft { action: Action::FulfilRequest, fields: Vec::new(), withheld: Vec::new(), version: None, ..entry });
    Ok(filing)
}
