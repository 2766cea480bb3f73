//! Filing requests and what is done with them, apart from the acts that fulfil them (`answering`).

use coffre_core::audit::Draft;
use coffre_core::day::Day;
use coffre_core::filing::{Filing, FilingAct, FilingContent, FilingKind, FilingState, FilingTerms, IdentityCheck};
use coffre_core::ids::{ApplicationId, FilingId};
use coffre_core::role::Role;
use serde_json::Value;
use thiserror::Error;

use super::Transaction;
use crate::clock::SystemEntropy;
use crate::filings::{self, NewStep};
use crate::rights::is_erased;
use crate::subject_keys;
use crate::writer::{AccessKey, Work, WorkError};

/// Files a request.
pub struct FileRequest {
    /// What it is.
    pub terms: FilingTerms,
    /// The application that files it.
    pub filer: ApplicationId,
    /// Its role.
    pub filer_role: Role,
    /// What it says: proposed values already checked against the record type.
    pub content: FilingContent,
}

/// A request that was not filed.
#[derive(Debug, Error)]
pub enum FileRequestError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for FileRequest {
    type Output = Filing;
    type Error = FileRequestError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Filing, FileRequestError> {
        let FilingTerms { record_type, subject, kind, channel, identity, received_on } = self.terms;
        work.record(&record_type, subject)?.ok_or(FileRequestError::NoSuchRecord)?;
        let filing = Filing {
            id: FilingId::random(&mut SystemEntropy),
            record_type,
            subject,
            linked: false,
            kind,
            fields: self.content.changes.keys().cloned().collect(),
            channel,
            identity,
            received_on,
            due_on: Filing::due(received_on, false),
            state: FilingState::Open,
            assignee: None,
            filer: self.filer,
            filer_role: self.filer_role,
            filed_at: work.now(),
            extended_at: None,
            closed_at: None,
            closed_in: None,
        };
        work.try_run(filings::put(work.around.vault, &filing))?;
        note(work, &filing, FilingAct::File, &base, Some(&self.content))?;
        if kind == FilingKind::Objection {
            // Whoever is just being told that they may contact the person is answered anew.
            work.access_changed(AccessKey::Subject(subject));
        }
        work.log(about(base, &filing));
        Ok(filing)
    }
}

/// What is done with a request.
pub enum Step {
    /// It is given to an operator.
    Assign(String),
    /// How the person was identified is written down.
    Identify(IdentityCheck),
    /// The filer is asked for more.
    Ask(String),
    /// The filer answers.
    Reply(String),
    /// The time to answer is extended, with the reason that the person is told.
    Extend(String),
    /// It is answered that nothing is held about whoever asks.
    NothingHeld,
    /// It is answered that nobody can tell who asks, with what is missing.
    Unidentified(String),
    /// It is refused, with the reason that the person is told.
    Refuse(String),
    /// The filer takes it back.
    Withdraw,
}

impl Step {
    const fn act(&self) -> FilingAct {
        match self {
            Self::Assign(_) => FilingAct::Assign,
            Self::Identify(_) => FilingAct::Identify,
            Self::Ask(_) => FilingAct::Ask,
            Self::Reply(_) => FilingAct::Reply,
            Self::Extend(_) => FilingAct::Extend,
            Self::NothingHeld => FilingAct::NothingHeld,
            Self::Unidentified(_) => FilingAct::Unidentified,
            Self::Refuse(_) => FilingAct::Refuse,
            Self::Withdraw => FilingAct::Withdraw,
        }
    }

    /// What its entry says beside the request: to whom it is given, how the person was identified. Of both the request
    /// keeps only what holds now.
    fn detail(&self) -> Option<&str> {
        match self {
            Self::Assign(operator) => Some(operator),
            Self::Identify(identity) => Some(identity.as_str()),
            _ => None,
        }
    }

    fn said(self) -> Option<FilingContent> {
        match self {
            Self::Ask(text)
            | Self::Reply(text)
            | Self::Extend(text)
            | Self::Unidentified(text)
            | Self::Refuse(text) => Some(FilingContent { text: Some(text), ..FilingContent::default() }),
            Self::Assign(_) | Self::Identify(_) | Self::NothingHeld | Self::Withdraw => None,
        }
    }
}

/// Takes a step with a request.
pub struct TakeStep {
    /// The request.
    pub filing: FilingId,
    /// The step.
    pub step: Step,
}

/// A step that was not taken.
#[derive(Debug, Error)]
pub enum StepError {
    /// There is no such request.
    #[error("there is no such request")]
    NoSuchRequest,
    /// It was answered or taken back.
    #[error("the request is {state} already: file another one")]
    Closed {
        /// How it stands.
        state: FilingState,
    },
    /// It is about a record: something is held.
    #[error("the request is about a record, so something is held: do what it asks for, or refuse it")]
    SomethingHeld,
    /// Nobody has checked who asks.
    #[error(
        "how the person was identified is not written down: do so first, whether somebody is known is told to nobody else (GDPR article 12(6))"
    )]
    NotIdentified,
    /// The person is identified, or exercises no right.
    #[error("the person is identified, or exercises no right: do what the request asks for, or refuse it")]
    Identified,
    /// The time was extended before.
    #[error("the time to answer was extended before: it is extended once (GDPR article 12(3))")]
    ExtendedBefore,
    /// The month is over.
    #[error(
        "the month to answer in is over since {due_on}: it is extended within the month (GDPR article 12(3)); answer now"
    )]
    TooLate {
        /// The last day.
        due_on: Day,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for TakeStep {
    type Output = Filing;
    type Error = StepError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Filing, StepError> {
        let found = work.try_run(filings::find(work.around.vault, self.filing))?;
        let mut filing = found.ok_or(StepError::NoSuchRequest)?;
        let act = self.step.act();
        filing.state = filing.state.after(act).ok_or(StepError::Closed { state: filing.state })?;
        match &self.step {
            Step::Assign(operator) => filing.assignee = Some(operator.clone()),
            Step::Identify(identity) => filing.identity = *identity,
            Step::Extend(_) => extend(work, &mut filing)?,
            Step::NothingHeld if !filing.is_of_a_stranger() && !erased(work, &filing)? => {
                return Err(StepError::SomethingHeld);
            }
            Step::NothingHeld if filing.identity == IdentityCheck::NotChecked => return Err(StepError::NotIdentified),
            Step::Unidentified(_) if !filing.kind.is_right() || filing.identity != IdentityCheck::NotChecked => {
                return Err(StepError::Identified);
            }
            Step::NothingHeld | Step::Unidentified(_) | Step::Refuse(_) | Step::Withdraw => {
                close(work, &mut filing, &base);
            }
            Step::Ask(_) | Step::Reply(_) => {}
        }
        work.try_run(filings::put(work.around.vault, &filing))?;
        let mut entry = about(base.clone(), &filing);
        if let (Some(target), Some(detail)) = (&mut entry.target, self.step.detail()) {
            *target = format!("{target}: {detail}");
        }
        note(work, &filing, act, &base, self.step.said().as_ref())?;
        work.log(entry);
        Ok(filing)
    }
}

/// Whether whoever it is about was erased since it was filed.
fn erased(work: &Work<'_>, filing: &Filing) -> Result<bool, WorkError> {
    work.try_run(is_erased(work.around.vault, filing.subject))
}

fn extend(work: &Work<'_>, filing: &mut Filing) -> Result<(), StepError> {
    if filing.extended_at.is_some() {
        return Err(StepError::ExtendedBefore);
    }
    if Day::of(work.now()) > filing.due_on {
        return Err(StepError::TooLate { due_on: filing.due_on });
    }
    filing.extended_at = Some(work.now());
    filing.due_on = Filing::due(filing.received_on, true);
    Ok(())
}

/// Says when and in which call it was answered.
pub(super) fn close(work: &Work<'_>, filing: &mut Filing, base: &Draft) {
    (filing.closed_at, filing.closed_in) = (Some(work.now()), Some(base.request));
}

/// Stores a step. What is said needs the subject's key, so an erased person's requests are silent.
pub(super) fn note(
    work: &Work<'_>,
    filing: &Filing,
    act: FilingAct,
    base: &Draft,
    said: Option<&FilingContent>,
) -> Result<(), WorkError> {
    let new = NewStep { act, at: work.now(), operator: base.operator.as_deref(), call: base.request };
    let there = work.record(&filing.record_type, filing.subject)?.is_some();
    let Some(content) = said.filter(|_| there) else {
        return work.try_run(filings::add_step(work.around.vault, filing, &new, None));
    };
    let key = work.subject_key(&filing.record_type, filing.subject)?;
    let keys = subject_keys(work.around.scope, work.around.keys, &filing.record_type, filing.subject, &key);
    let said = Some((content, &keys, work.around.epoch));
    work.try_run(filings::add_step(work.around.vault, filing, &new, said))
}

/// What an entry says of a request.
pub(super) fn about(base: Draft, filing: &Filing) -> Draft {
    Draft {
        record_type: Some(filing.record_type.clone()),
        subjects: vec![filing.subject],
        fields: filing.fields.clone(),
        target: Some(format!("request {} ({})", filing.id, filing.kind)),
        ..base
    }
}

/// The values that a request proposes, as a change.
pub(super) fn proposed(
    work: &Work<'_>,
    filing: &Filing,
) -> Result<std::collections::BTreeMap<coffre_core::record::FieldPath, Option<Value>>, WorkError> {
    let key = work.subject_key(&filing.record_type, filing.subject)?;
    let keys = subject_keys(work.around.scope, work.around.keys, &filing.record_type, filing.subject, &key);
    let steps = work.try_run(filings::steps(work.around.vault, filing.id))?;
    let content = match steps.first() {
        Some(step) => work.try_run(step.content(filing.id, &keys))?.unwrap_or_default(),
        None => FilingContent::default(),
    };
    let removing = |value: Value| Some(value).filter(|value| !value.is_null());
    Ok(content.changes.into_iter().map(|(field, value)| (field, removing(value))).collect())
}
