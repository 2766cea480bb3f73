//! Many records at a time, for a service of the house: what two operators agreed to, and nothing else. One proposes which
//! fields of which records, for which purpose and why; another one confirms, and gets them, or lets test data be made
//! from them (`test_data`). Each record is decided by itself and disclosed by an entry of its own before a byte of it leaves. Read page by page, as the client takes it:
//! nothing of it is on disk, and a client who reads slowly holds neither thread nor view.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use coffre_core::audit;
use coffre_core::four_eyes::KnownOperator;
use coffre_core::ids::{ExportId, SubjectId};
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::time::Timestamp;
use coffre_policies::Action;
use coffre_store::Receipt;
use coffre_store::clock::SystemEntropy;
use futures_util::future::join_all;

use super::test_data::fields_of_test_data;
use crate::usecases::call::Call;
use crate::usecases::declared;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::plan::Reading;
use crate::usecases::read_record::{RecordView, prepare};

/// How long a proposal can be confirmed: an hour. It is kept in memory alone: a restart forgets it, and nothing is lost.
const PROPOSAL_SECONDS: i64 = 3600;
/// At most so many proposals wait at a time; the oldest gives way.
const MOST_PROPOSALS: usize = 100;
/// So many records are disclosed at a time: they share their commits.
pub(super) const PAGE: usize = 64;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct ProposeExport {
    pub(crate) kind: String,
    pub(crate) what: Exported,
    pub(crate) purpose: String,
    pub(crate) reason: String,
}

/// What leaves the vault.
#[derive(Debug, Clone)]
pub(crate) enum Exported {
    /// These fields of the records.
    Fields(BTreeSet<FieldPath>),
    /// Test data that are made from them.
    TestData,
}

/// What became of a confirmation.
pub(crate) enum Confirmed {
    /// The records, for whoever confirmed.
    Records(Box<BulkExport>),
    /// Test data, for the vault's own user to fetch until then.
    TestData(Timestamp),
}

/// Somebody wants records exported.
#[derive(Debug, Clone)]
pub(crate) struct ExportProposal {
    pub(crate) id: ExportId,
    pub(crate) by: KnownOperator,
    /// When it can no longer be confirmed.
    pub(crate) until: Timestamp,
    pub(super) asked: ProposeExport,
}

/// Records on their way out.
pub(crate) struct BulkExport {
    keeper: Arc<Keeper>,
    call: Call,
    kind: RecordTypeName,
    question: Question,
    target: String,
    after: Option<SubjectId>,
    ended: bool,
    /// How many records were exported.
    pub(crate) records: u64,
    /// How many were refused, each with its entry.
    pub(crate) refused: u64,
}

impl Keeper {
    /// Proposes an export.
    pub(crate) async fn propose_export(
        self: &Arc<Self>,
        call: &Call,
        asked: ProposeExport,
    ) -> Result<(ExportProposal, Receipt), Failure> {
        let question = self.question_of_bulk(&asked, asked.what.proposed_as())?;
        let (id, by) = (ExportId::random(&mut SystemEntropy), operator_of(call)?);
        let until = self.now().plus_seconds(PROPOSAL_SECONDS);
        let look = move |look: &Look<'_>| {
            let mut plan = look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: () }))?;
            plan.draft.target = Some(target(id));
            Ok(plan)
        };
        let ((), receipt) = self.disclose(call, look).await?;
        let proposal = ExportProposal { id, by, until, asked };
        let mut proposed = self.exports_proposed.lock().unwrap_or_else(PoisonError::into_inner);
        proposed.push(proposal.clone());
        let beyond = proposed.len().saturating_sub(MOST_PROPOSALS);
        proposed.drain(..beyond);
        Ok((proposal, receipt))
    }

    /// Confirms an export by another operator, who gets it. A proposal is good for one export.
    pub(crate) async fn confirm_export(
        self: &Arc<Self>,
        call: &Call,
        id: ExportId,
    ) -> Result<(Confirmed, Receipt), Failure> {
        let by = operator_of(call)?;
        let proposal = self.proposed_export(id).ok_or(Failure::NoSuchExport)?;
        let question = self.question_of_bulk(&proposal.asked, proposal.asked.what.confirmed_as())?;
        let (asked, another) = (question.clone(), by.may_confirm(&proposal.by));
        let look = move |look: &Look<'_>| {
            let mut plan = look.at_large(&asked, || Ok(Reading { claims: Vec::new(), content: () }))?;
            plan.draft.target = Some(target(id));
            if plan.then.is_ok() && !another {
                plan.draft.decision = audit::Decision::Deny;
                plan.draft.cause = Some("not-another-operator".to_owned());
                plan.draft.withheld.append(&mut plan.draft.fields);
            }
            Ok(plan)
        };
        let ((), receipt) = self.disclose(call, look).await?;
        if !another {
            return Err(Failure::NotAnotherOperator { entry: receipt.index() });
        }
        // Taken now: of two confirmations at a time one gets it.
        let proposal = self.take_export(id).ok_or(Failure::NoSuchExport)?;
        if matches!(proposal.asked.what, Exported::TestData) {
            let until = self.now().plus_seconds(PROPOSAL_SECONDS);
            self.agree(proposal, call, until);
            return Ok((Confirmed::TestData(until), receipt));
        }
        let kind = self.record_type(&proposal.asked.kind)?.name().clone();
        let export = BulkExport {
            keeper: Arc::clone(self),
            call: call.clone(),
            kind,
            question,
            target: target(id),
            after: None,
            ended: false,
            records: 0,
            refused: 0,
        };
        Ok((Confirmed::Records(Box::new(export)), receipt))
    }

    fn proposed_export(&self, id: ExportId) -> Option<ExportProposal> {
        let now = self.now();
        let mut proposed = self.exports_proposed.lock().unwrap_or_else(PoisonError::into_inner);
        proposed.retain(|proposal| now < proposal.until);
        proposed.iter().find(|proposal| proposal.id == id).cloned()
    }

    fn take_export(&self, id: ExportId) -> Option<ExportProposal> {
        let mut proposed = self.exports_proposed.lock().unwrap_or_else(PoisonError::into_inner);
        let place = proposed.iter().position(|proposal| proposal.id == id)?;
        Some(proposed.remove(place))
    }

    pub(super) fn question_of_bulk(
        &self,
        asked: &ProposeExport,
        logged_as: audit::Action,
    ) -> Result<Question, Failure> {
        let kind = self.record_type(&asked.kind)?;
        let fields = match &asked.what {
            Exported::Fields(fields) => fields.clone(),
            Exported::TestData => fields_of_test_data(kind),
        };
        declared::has_fields(kind, &fields)?;
        Ok(Question {
            action: asked.what.action(),
            logged_as,
            kind: Some(kind.name().clone()),
            fields,
            entire: false,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: Some(asked.reason.clone()),
        })
    }
}

impl Exported {
    const fn action(&self) -> Action {
        match self {
            Self::Fields(_) => Action::BulkExport,
            Self::TestData => Action::Pseudonymise,
        }
    }

    const fn proposed_as(&self) -> audit::Action {
        match self {
            Self::Fields(_) => audit::Action::ProposeBulkExport,
            Self::TestData => audit::Action::ProposePseudonymisedExport,
        }
    }

    pub(super) const fn confirmed_as(&self) -> audit::Action {
        match self {
            Self::Fields(_) => audit::Action::BulkExport,
            Self::TestData => audit::Action::PseudonymisedExport,
        }
    }
}

impl BulkExport {
    /// The next records; none at the end. What is wrong with the vault or the caller ends it.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<RecordView>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let (kind, after) = (self.kind.clone(), self.after);
        let page = self.keeper.view(move |_, snapshot| Ok(snapshot.records(&kind, after, PAGE)?)).await?;
        self.ended = page.len() < PAGE;
        self.after = page.last().copied();
        let mut views = Vec::with_capacity(page.len());
        for read in join_all(page.into_iter().map(|subject| self.read(subject))).await {
            match read {
                Ok(view) => views.push(view),
                Err(Failure::Denied { .. } | Failure::NotFound { .. }) => self.refused += 1,
                Err(failure) => return Err(failure),
            }
        }
        self.records += views.len() as u64;
        Ok(Some(views))
    }

    async fn read(&self, subject: SubjectId) -> Result<RecordView, Failure> {
        let (question, target) = (self.question.clone(), self.target.clone());
        let look = move |look: &Look<'_>| {
            let mut plan = prepare(look, &question, subject, None)?;
            plan.draft.target = Some(target.clone());
            Ok(plan)
        };
        let (sealed, receipt) = self.keeper.disclose(&self.call, look).await?;
        sealed.open(subject, &receipt)
    }
}

pub(super) fn target(id: ExportId) -> String {
    format!("export {id}")
}

fn operator_of(call: &Call) -> Result<KnownOperator, Failure> {
    call.known_operator().ok_or_else(|| Failure::Internal { what: "an act of two operators without one".to_owned() })
}
