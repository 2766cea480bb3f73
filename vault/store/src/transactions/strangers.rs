//! Requests of people who have no record. Whoever asks gets a record of a type of its own, with a key of its own, made by the
//! same commit as the request; once the person is found the request is handed over to the person's record, and the key of
//! whoever asked is destroyed.

use coffre_core::audit::{Action, Draft};
use coffre_core::filing::{Filing, FilingAct, FilingContent, FilingState, IdentityCheck};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{Fields, RecordTypeName};
use rusqlite::params;
use thiserror::Error;

use super::create_record::insert;
use super::filings::{about, note};
use super::{EraseError, EraseSubject, FileRequest, FileRequestError, Transaction, holds};
use crate::filings::Answered;
use crate::model::NewSubject;
use crate::writer::{AccessKey, Work, WorkError};
use crate::{answered, filings, subject_keys, values};

/// Files the request of somebody who has no record.
pub struct FileForStranger {
    /// Whoever asks (`Store::new_subject`).
    pub requester: NewSubject,
    /// What whoever asks gives of themselves, already checked against the record type.
    pub fields: Fields,
    /// The request, about that very subject.
    pub request: FileRequest,
}

impl Transaction for FileForStranger {
    type Output = Filing;
    type Error = FileRequestError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Filing, FileRequestError> {
        let kind = self.request.terms.record_type.clone();
        let mut created = Draft { action: Action::Create, ..base.clone() };
        insert(work, &kind, &self.requester, &self.fields, &mut created)?;
        let filing = self.request.run(work, base)?;
        work.log(created);
        Ok(filing)
    }
}

/// Hands a request over to the record of the person who was found to have made it.
pub struct LinkRequest {
    /// The request.
    pub filing: FilingId,
    /// The type of the person's record.
    pub record_type: RecordTypeName,
    /// The person.
    pub subject: SubjectId,
}

/// A request that was not handed over.
#[derive(Debug, Error)]
pub enum LinkError {
    /// There is no such request.
    #[error("there is no such request")]
    NoSuchRequest,
    /// It was answered or taken back.
    #[error("the request is {state} already")]
    Closed {
        /// How it stands.
        state: FilingState,
    },
    /// It is about a record already.
    #[error("the request is about a record already: file another one")]
    NotAStranger,
    /// Nobody has checked who asks.
    #[error(
        "how the person was identified is not written down: do so first, nothing is done for a stranger (GDPR article 12(6))"
    )]
    NotIdentified,
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl From<EraseError> for LinkError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NoSuchRecord => Self::NoSuchRecord,
            EraseError::Store(error) => Self::Store(error),
        }
    }
}

impl Transaction for LinkRequest {
    type Output = Filing;
    type Error = LinkError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Filing, LinkError> {
        let found = work.try_run(filings::find(work.around.vault, self.filing))?;
        let before = found.ok_or(LinkError::NoSuchRequest)?;
        let state = before.state.after(FilingAct::Link).ok_or(LinkError::Closed { state: before.state })?;
        if !before.is_of_a_stranger() || before.subject == self.subject {
            return Err(LinkError::NotAStranger);
        }
        if before.identity == IdentityCheck::NotChecked {
            return Err(LinkError::NotIdentified);
        }
        work.record(&self.record_type, self.subject)?.ok_or(LinkError::NoSuchRecord)?;
        let given = hand_over(work, &before, &self.record_type, self.subject)?;
        let (record_type, subject) = (self.record_type, self.subject);
        let filing = Filing { record_type, subject, linked: true, state, ..before.clone() };
        work.try_run(filings::put(work.around.vault, &filing))?;
        note(work, &filing, FilingAct::Link, &base, Some(&given))?;
        let subjects = vec![filing.subject, before.subject];
        work.log(Draft { subjects, ..about(base.clone(), &filing) });
        for subject in [filing.subject, before.subject] {
            work.access_changed(AccessKey::Subject(subject));
        }
        let_go(work, &before, base)?;
        Ok(filing)
    }
}

/// Encrypts what the steps say under the person's key; gives what whoever asked gave of themselves.
fn hand_over(
    work: &mut Work<'_>,
    before: &Filing,
    kind: &RecordTypeName,
    subject: SubjectId,
) -> Result<FilingContent, WorkError> {
    let (from, to) = (work.subject_key(&before.record_type, before.subject)?, work.subject_key(kind, subject)?);
    let around = work.around;
    let from = subject_keys(around.scope, around.keys, &before.record_type, before.subject, &from);
    let to = subject_keys(around.scope, around.keys, kind, subject, &to);
    work.try_run(filings::rewrite(around.vault, before.id, &from, &to, around.epoch, |_| {}))?;
    let given = work.try_run(values::all_at(around.vault, &from, u32::MAX))?;
    Ok(FilingContent { requester: given.0, ..FilingContent::default() })
}

/// Erases whoever asked, unless another request or a legal hold still needs them.
fn let_go(work: &mut Work<'_>, before: &Filing, base: Draft) -> Result<(), LinkError> {
    let subject = before.subject;
    let others = work.try_run(filings::answered(work.around.vault, subject))?;
    if others != Answered::NoRequest || holds::is_held(work, subject)? {
        return Ok(());
    }
    // Whoever filed the request and sends it again gets the same answer: it must not show that the person was found.
    work.try_run(answered::outlive(work.around.vault, subject))?;
    let request = base.request;
    let entry = Draft { action: Action::Erase, cause: Some(LINKED.to_owned()), ..base };
    let erase = EraseSubject { record_type: before.record_type.clone(), subject, remember: Vec::new() };
    erase.run(work, Draft { target: None, ..entry })?;
    let insert = || {
        let sql = "INSERT INTO erasures (subject, erased_in) VALUES (?1, ?2)";
        work.around.vault.prepare_cached(sql)?.execute(params![subject.as_bytes(), request.as_bytes()])
    };
    Ok(work.try_run(insert()).map(drop)?)
}

/// The cause in the log of the erasure of whoever was found to have another record.
const LINKED: &str = "request-linked";
