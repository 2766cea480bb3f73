//! Erasing a record at a data subject's request (GDPR article 17): proposed by one operator, confirmed by
//! another one, refused under a hold, a rule of retention or another request that stands against it; and the certificate.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::erasure::{Certificate, Standing};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_policies::values::date;
use coffre_policies::{Action, Exemption, Labels};
use coffre_store::transactions::{
    Answering, ConfirmErasure, EraseSubject, ErasureOutcome, MustKeep, ProposeErasure, WithdrawErasure,
};
use coffre_store::{Erasure, Proposal, Receipt};
use serde::Serialize;

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::{Plan, Reading};

/// A step of an erasure that is asked for.
pub(crate) struct EraseRecord {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
    /// The request that the erasure fulfils, when it is confirmed.
    pub(crate) request: Option<FilingId>,
}

/// What is asked for.
pub(crate) struct ReadErasure {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) reason: Option<String>,
}

/// A category that a rule of retention keeps from being erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KeptCategory {
    pub(crate) category: Category,
    pub(crate) ground: Exemption,
    /// The last day on which it is kept; none while the contract goes on.
    pub(crate) until: Option<String>,
    pub(crate) source: Labels,
}

/// How an erasure stands.
pub(crate) enum ErasureView {
    Proposed(Proposal),
    Done {
        certificate: Box<Certificate>,
        standing: Standing,
        /// The signed note.
        note: String,
    },
}

impl Keeper {
    /// Proposes an erasure.
    pub(crate) async fn propose_erasure(
        self: &Arc<Self>,
        call: &Call,
        asked: EraseRecord,
    ) -> Result<(Proposal, Receipt), Failure> {
        let question = self.question_of_erase(&asked, audit::Action::ProposeErasure)?;
        let look = move |look: &Look<'_>| {
            let plan = look.on_record(&question, asked.subject, |found| {
                let (record_type, subject) = (found.kind.clone(), found.subject);
                Ok(ProposeErasure { must_keep: look.keeper.must_keep(found.kind), record_type, subject })
            });
            with_dating_fields(look, plan?)
        };
        let (outcome, receipt) = self.change(call, look).await?;
        settled(outcome, receipt)
    }

    /// Confirms an erasure, which erases.
    pub(crate) async fn confirm_erasure(
        self: &Arc<Self>,
        call: &Call,
        asked: EraseRecord,
    ) -> Result<(ErasureView, Receipt), Failure> {
        let question = self.question_of_erase(&asked, audit::Action::Erase)?;
        let (kind, subject) = (self.record_type(&asked.kind)?.name().clone(), asked.subject);
        let look = move |look: &Look<'_>| {
            let plan = look.on_record(&question, asked.subject, |found| {
                let remember = look.keeper.never_again(found.kind)?;
                let erase = EraseSubject { record_type: found.kind.clone(), subject: found.subject, remember };
                let act = ConfirmErasure { erase, must_keep: look.keeper.must_keep(found.kind) };
                Ok(Answering { act, subject: found.subject, filing: asked.request })
            });
            with_dating_fields(look, plan?)
        };
        let (outcome, receipt) = self.change(call, look).await?;
        let (_, receipt) = settled(outcome, receipt)?;
        let name = kind.clone();
        let erasure = self.view(move |keeper, snapshot| Ok(snapshot.erasure(&name, subject, keeper.now())?)).await?;
        let missing = || Failure::Internal { what: "an erasure that is not there".to_owned() };
        Ok((self.show_erasure(kind, subject, erasure.ok_or_else(missing)?)?, receipt))
    }

    /// Takes a proposal back.
    pub(crate) async fn withdraw_erasure(
        self: &Arc<Self>,
        call: &Call,
        asked: EraseRecord,
    ) -> Result<((), Receipt), Failure> {
        let question = self.question_of_erase(&asked, audit::Action::WithdrawErasure)?;
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                Ok(WithdrawErasure { record_type: found.kind.clone(), subject: found.subject })
            })
        };
        self.change(call, look).await
    }

    /// How an erasure stands, with its certificate once it is done.
    pub(crate) async fn read_erasure(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadErasure,
    ) -> Result<(ErasureView, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question = Question {
            action: Action::ReadErasure,
            logged_as: audit::Action::ReadErasure,
            kind: Some(kind.clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: None,
            reason: asked.reason,
        };
        let (name, subject) = (kind.clone(), asked.subject);
        let look = move |look: &Look<'_>| {
            let read = || look.snapshot.erasure(&name, subject, look.now);
            let mut plan = look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: read()? }))?;
            plan.draft.subjects = vec![subject];
            Ok(plan)
        };
        let (erasure, receipt) = self.disclose(call, look).await?;
        let erasure = erasure.ok_or(Failure::NoSuchErasure)?;
        Ok((self.show_erasure(kind, subject, erasure)?, receipt))
    }

    fn question_of_erase(&self, asked: &EraseRecord, logged_as: audit::Action) -> Result<Question, Failure> {
        Ok(Question {
            action: Action::Erase,
            logged_as,
            kind: Some(self.record_type(&asked.kind)?.name().clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        })
    }

    fn show_erasure(
        &self,
        record_type: RecordTypeName,
        subject: SubjectId,
        erasure: Erasure,
    ) -> Result<ErasureView, Failure> {
        let (proposed, erased, places) = match erasure {
            Erasure::Proposed(proposal) => return Ok(ErasureView::Proposed(proposal)),
            Erasure::Done { proposed, erased, places } => (proposed, erased, places),
        };
        let scope = self.store.scope().clone();
        let certificate = Certificate { scope, record_type, subject, proposed, erased, issued: self.now(), places };
        let note = self.store.certify(&certificate)?;
        Ok(ErasureView::Done { standing: certificate.standing(), certificate: Box::new(certificate), note })
    }

    /// The rules of retention that stand against an erasure, to be asked within the store.
    pub(super) fn must_keep(&self, kind: &RecordTypeName) -> MustKeep<KeptCategory> {
        self.rules(kind, |keeping, _| {
            Some(KeptCategory {
                ground: keeping.opposes_erasure()?,
                category: keeping.rule.category.clone(),
                until: keeping.until().map(date::iso),
                source: keeping.source().clone(),
            })
        })
    }

    /// The fields by which no import may bring an erased person back: every one that a mapping may take as its key,
    /// in whatever category. Kept of them are keyed hashes, and of nothing else.
    pub(super) fn never_again(&self, kind: &RecordTypeName) -> Result<Vec<FieldPath>, Failure> {
        let keys = self.record_type(kind.as_str())?.fields().iter().filter(|field| field.may_be_a_key());
        Ok(keys.map(|field| field.path.clone()).collect())
    }
}

/// What is told of retention rests on these fields: the entry names them.
pub(super) fn with_dating_fields<A>(look: &Look<'_>, mut plan: Plan<A>) -> Result<Plan<A>, Failure> {
    if let (Ok(_), Some(kind)) = (&plan.then, &plan.draft.record_type) {
        plan.draft.fields = look.keeper.policies.dating_fields(look.keeper.record_type(kind.as_str())?);
    }
    Ok(plan)
}

fn settled<T>(outcome: ErasureOutcome<T, KeptCategory>, receipt: Receipt) -> Result<(T, Receipt), Failure> {
    let entry = receipt.index();
    match outcome {
        ErasureOutcome::Done(done) => Ok((done, receipt)),
        ErasureOutcome::OnHold => Err(Failure::OnHold { entry }),
        ErasureOutcome::Kept(kept) => Err(Failure::MustBeKept { kept, entry }),
        ErasureOutcome::RequestWaits => Err(Failure::RequestWaits { entry }),
        ErasureOutcome::NotAnother => Err(Failure::NotAnotherOperator { entry }),
    }
}
