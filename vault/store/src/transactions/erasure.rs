//! Erasing a record at a data subject's request, in two steps by two operators: one proposes, another
//! one confirms. What stands against it (a hold, a rule of retention, another request, one operator alone) is looked
//! at here, on the writer's thread, so that nothing can come in between; it is refused with an entry.

use coffre_core::audit::{Decision, Draft, OperatorKnown};
use coffre_core::filing::FilingKind;
use coffre_core::four_eyes::KnownOperator;
use coffre_core::ids::{RequestId, SubjectId};
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::facts::{MustKeep, judge};
use super::{EraseError, EraseSubject, Transaction};
use crate::rights::{Proposal, known_name, proposal_of, proposal_row};
use crate::writer::{Work, WorkError};

/// How long a proposal can be confirmed, in seconds: seven days.
pub const PROPOSAL_SECONDS: i64 = 7 * 24 * 3600;

/// What became of a step of an erasure. Whatever it is, the log has an entry of it.
#[derive(Debug, PartialEq, Eq)]
pub enum ErasureOutcome<T, K> {
    /// It was done.
    Done(T),
    /// A legal hold stands on the record.
    OnHold,
    /// Rules of retention keep it.
    Kept(Vec<K>),
    /// The person exercises another right and waits for the answer, which could not be given any more.
    RequestWaits,
    /// The operator who confirms is the one who proposed, or known less surely.
    NotAnother,
}

/// An erasure step that was not taken.
#[derive(Debug, Error)]
pub enum ErasureError {
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
    /// Nobody proposed it, or too long ago.
    #[error("no erasure of this record is proposed, or it was more than seven days ago: propose it first")]
    NotProposed,
    /// No operator is named.
    #[error("an erasure needs operators: name the person whom the application acts for")]
    NoOperator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl From<EraseError> for ErasureError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NoSuchRecord => Self::NoSuchRecord,
            EraseError::Store(error) => Self::Store(error),
        }
    }
}

/// Proposes an erasure, in the place of an earlier proposal.
pub struct ProposeErasure<K> {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The rules of retention.
    pub must_keep: MustKeep<K>,
}

impl<K: Send + 'static> Transaction for ProposeErasure<K> {
    type Output = ErasureOutcome<Proposal, K>;
    type Error = ErasureError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<Self::Output, ErasureError> {
        let (kind, subject) = (self.record_type, self.subject);
        work.record(&kind, subject)?.ok_or(ErasureError::NoSuchRecord)?;
        let by = operator_of(&base)?;
        about(&mut base, &kind, subject);
        if let Some(refused) = obstacle(work, &kind, subject, &self.must_keep)? {
            return Ok(refuse(work, base, refused));
        }
        let proposal = Proposal { at: work.now(), request: base.request, by };
        let insert = || {
            work.around
                .vault
                .prepare_cached(
                    "INSERT OR REPLACE INTO erasure_proposals (subject, proposed_at, proposed_in, operator, operator_known)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    subject.as_bytes(),
                    proposal.at.as_micros(),
                    proposal.request.as_bytes(),
                    proposal.by.name,
                    known_name(proposal.by.known)
                ])
        };
        work.try_run(insert())?;
        work.log(base);
        Ok(ErasureOutcome::Done(proposal))
    }
}

/// Confirms a proposed erasure, which erases.
pub struct ConfirmErasure<K> {
    /// What is erased.
    pub erase: EraseSubject,
    /// The rules of retention.
    pub must_keep: MustKeep<K>,
}

impl<K: Send + 'static> Transaction for ConfirmErasure<K> {
    /// When it was erased.
    type Output = ErasureOutcome<Timestamp, K>;
    type Error = ErasureError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<Self::Output, ErasureError> {
        let (kind, subject) = (self.erase.record_type.clone(), self.erase.subject);
        work.record(&kind, subject)?.ok_or(ErasureError::NoSuchRecord)?;
        let by = operator_of(&base)?;
        let proposal = proposal(work, subject)?.ok_or(ErasureError::NotProposed)?;
        about(&mut base, &kind, subject);
        if !by.may_confirm(&proposal.by) {
            return Ok(refuse(work, base, ErasureOutcome::NotAnother));
        }
        if let Some(refused) = obstacle(work, &kind, subject, &self.must_keep)? {
            return Ok(refuse(work, base, refused));
        }
        let request = base.request;
        self.erase.run(work, base)?;
        remember(work, subject, &proposal, request)?;
        Ok(ErasureOutcome::Done(work.now()))
    }
}

/// Takes a proposal back.
pub struct WithdrawErasure {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
}

impl Transaction for WithdrawErasure {
    type Output = ();
    type Error = ErasureError;

    fn run(self, work: &mut Work<'_>, mut base: Draft) -> Result<(), ErasureError> {
        proposal(work, self.subject)?.ok_or(ErasureError::NotProposed)?;
        let delete = || {
            let sql = "DELETE FROM erasure_proposals WHERE subject = ?1";
            work.around.vault.prepare_cached(sql)?.execute([self.subject.as_bytes()])
        };
        work.try_run(delete())?;
        about(&mut base, &self.record_type, self.subject);
        work.log(base);
        Ok(())
    }
}

fn about(entry: &mut Draft, kind: &RecordTypeName, subject: SubjectId) {
    entry.record_type = Some(kind.clone());
    entry.subjects = vec![subject];
}

fn operator_of(base: &Draft) -> Result<KnownOperator, ErasureError> {
    let name = base.operator.clone().ok_or(ErasureError::NoOperator)?;
    Ok(KnownOperator { name, known: base.operator_known.unwrap_or(OperatorKnown::Asserted) })
}

/// What stands against erasing a record now.
fn obstacle<T, K>(
    work: &Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    rule: &MustKeep<K>,
) -> Result<Option<ErasureOutcome<T, K>>, WorkError> {
    if super::holds::is_held(work, subject)? {
        return Ok(Some(ErasureOutcome::OnHold));
    }
    let kept = judge(work, kind, subject, rule)?;
    if !kept.is_empty() {
        return Ok(Some(ErasureOutcome::Kept(kept)));
    }
    Ok(another_right_waits(work, subject)?.then_some(ErasureOutcome::RequestWaits))
}

/// Whether the person exercises another right than erasure and waits for the answer.
fn another_right_waits(work: &Work<'_>, subject: SubjectId) -> Result<bool, WorkError> {
    let find = || {
        let sql = "SELECT 1 FROM filings WHERE subject = ?1 AND state IN ('open', 'waiting') AND kind NOT IN (?2, ?3)";
        let parameters = params![subject.as_bytes(), FilingKind::Erasure.as_str(), FilingKind::Change.as_str()];
        work.around.vault.prepare_cached(sql)?.exists(parameters)
    };
    work.try_run(find())
}

/// A refusal is committed with its entry, like an act.
fn refuse<T, K>(work: &mut Work<'_>, mut entry: Draft, refused: ErasureOutcome<T, K>) -> ErasureOutcome<T, K> {
    entry.decision = Decision::Deny;
    let cause = match &refused {
        ErasureOutcome::Done(_) => None,
        ErasureOutcome::OnHold => Some("legal-hold"),
        ErasureOutcome::Kept(_) => Some("retention"),
        ErasureOutcome::RequestWaits => Some("request"),
        ErasureOutcome::NotAnother => Some("not-another-operator"),
    };
    entry.cause = cause.map(str::to_owned);
    work.log(entry);
    refused
}

/// The proposal in force on a record.
fn proposal(work: &Work<'_>, subject: SubjectId) -> Result<Option<Proposal>, WorkError> {
    let find = || {
        work.around
            .vault
            .prepare_cached(
                "SELECT proposed_at, proposed_in, operator, operator_known FROM erasure_proposals WHERE subject = ?1",
            )?
            .query_row([subject.as_bytes()], proposal_row)
            .optional()
    };
    let Some(row) = work.try_run(find())? else { return Ok(None) };
    let proposal = work.try_run(proposal_of(row))?;
    Ok(Some(proposal).filter(|proposal| proposal.is_in_force(work.now())))
}

/// Keeps what the certificate says of an erasure: the calls that the log has it under.
fn remember(work: &Work<'_>, subject: SubjectId, proposal: &Proposal, request: RequestId) -> Result<(), WorkError> {
    let insert = || {
        work.around
            .vault
            .prepare_cached(
                "INSERT INTO erasures (subject, proposed_at, proposed_in, erased_in) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                subject.as_bytes(),
                proposal.at.as_micros(),
                proposal.request.as_bytes(),
                request.as_bytes()
            ])
    };
    work.try_run(insert()).map(drop)
}
