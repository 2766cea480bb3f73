//! Test data about nobody, made from the records of a vault as two operators agreed to, and fetched by the vault's own
//! user. The records are read as the one who confirmed may read them, each with an entry of its own; what is reduced of
//! them stays in memory until the data are made, and nothing of it is on disk (`coffre_import::pseudonymised`).

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use coffre_core::day::Day;
use coffre_core::ids::{ExportId, SubjectId};
use coffre_core::record::{FieldPath, Fields};
use coffre_core::time::Timestamp;
use coffre_import::pseudonymised::{Gathering, Making, Source};
use coffre_policies::RecordType;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, DocumentInfo, Receipt, Undisclosed};
use futures_util::future::join_all;
use thiserror::Error;

use super::bulk::{ExportProposal, PAGE, target};
use crate::usecases::call::{Call, LocalCall};
use crate::usecases::declared;
use crate::usecases::failure::{Failure, uncommitted};
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Found, Look, Question};
use crate::usecases::plan::Reading;

/// At most so many sets wait to be fetched; the oldest gives way.
const MOST_AGREED: usize = 10;
/// From at most so many records a set is made: some four kilobytes of memory each.
const MOST_RECORDS: usize = 500_000;

/// Test data that are not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TestDataRefusal {
    /// None wait to be fetched.
    #[error(
        "no test data of this name wait to be fetched: two operators agree to them over the API \
         (POST /v1/records/TYPE/export/pseudonymised, then POST /v1/exports/ID/confirm), and they wait for an hour"
    )]
    NoneAgreed,
    /// It is not said which.
    #[error("several sets of test data wait to be fetched: name one of {waiting}")]
    SeveralAgreed {
        /// Their identifiers.
        waiting: String,
    },
    /// The set would not fit into memory.
    #[error("test data are made from at most {most} records: there are more")]
    TooManyRecords {
        /// The limit.
        most: usize,
    },
}

/// Test data that two operators agreed to.
pub(crate) struct AgreedExport {
    proposal: ExportProposal,
    /// By whom it was confirmed.
    call: Call,
    until: Timestamp,
}

/// A record before its entry is committed.
struct Sealed {
    fields: Undisclosed<Fields>,
    documents: Option<Undisclosed<Vec<DocumentInfo>>>,
    grants: std::sync::Arc<[coffre_core::grant::Grant]>,
    closed: BTreeSet<FieldPath>,
}

/// A record on its way to be reduced.
struct Opened {
    fields: Fields,
    documents: Vec<DocumentInfo>,
    grants: std::sync::Arc<[coffre_core::grant::Grant]>,
    closed: BTreeSet<FieldPath>,
}

impl Keeper {
    pub(super) fn agree(&self, proposal: ExportProposal, call: &Call, until: Timestamp) {
        let mut agreed = self.exports_agreed.lock().unwrap_or_else(PoisonError::into_inner);
        agreed.push(AgreedExport { proposal, call: call.to_be_kept(), until });
        let beyond = agreed.len().saturating_sub(MOST_AGREED);
        agreed.drain(..beyond);
    }

    /// Makes the test data that two operators agreed to: these, or the only ones that wait.
    pub(crate) async fn make_test_data(
        self: &Arc<Self>,
        by: LocalCall,
        id: Option<ExportId>,
    ) -> Result<(Making, Receipt), Failure> {
        let agreed = self.take_agreed(id)?;
        let asked = &agreed.proposal.asked;
        let question = self.question_of_bulk(asked, asked.what.confirmed_as())?;
        let mut draft = self.draft_here(by, asked.what.confirmed_as());
        (draft.record_type, draft.purpose) = (question.kind.clone(), question.purpose.clone());
        draft.target = Some(target(agreed.proposal.id));
        let noted = self.store.transact(NoteOnly, draft, None, Depends::default());
        let ((), receipt) = noted.await.map_err(uncommitted)?;
        let kind = self.record_type(&asked.kind)?.clone();
        let mut gathering = Gathering::new(kind, &mut SystemEntropy);
        let left_out = self.gather(&agreed, &question, &mut gathering).await?;
        gathering.keep_grants(&self.policies, self.now());
        let today = Day::of(self.now());
        Ok((Making::of(gathering, left_out, today, Box::new(SystemEntropy)), receipt))
    }

    fn take_agreed(&self, id: Option<ExportId>) -> Result<AgreedExport, Failure> {
        let now = self.now();
        let mut agreed = self.exports_agreed.lock().unwrap_or_else(PoisonError::into_inner);
        agreed.retain(|agreed| now < agreed.until);
        let at = match id {
            Some(id) => agreed.iter().position(|agreed| agreed.proposal.id == id),
            None if agreed.len() > 1 => {
                let waiting = agreed.iter().map(|agreed| agreed.proposal.id.to_string()).collect::<Vec<_>>().join(", ");
                return Err(TestDataRefusal::SeveralAgreed { waiting }.into());
            }
            None => Some(0).filter(|_| !agreed.is_empty()),
        };
        Ok(agreed.remove(at.ok_or(TestDataRefusal::NoneAgreed)?))
    }

    /// Reads all records, page by page, and gives how many could not be.
    async fn gather(
        self: &Arc<Self>,
        agreed: &AgreedExport,
        question: &Question,
        gathering: &mut Gathering,
    ) -> Result<u64, Failure> {
        let (mut after, mut left_out) = (None, 0);
        loop {
            let kind = question.kind.clone().ok_or_else(|| internal("test data of no record type"))?;
            let page = self.view(move |_, snapshot| Ok(snapshot.records(&kind, after, PAGE)?)).await?;
            after = page.last().copied();
            let ended = page.len() < PAGE;
            for read in join_all(page.into_iter().map(|subject| self.open_one(agreed, question, subject))).await {
                match read {
                    Ok(opened) => opened.into(gathering, self.now()),
                    Err(Failure::Denied { .. } | Failure::NotFound { .. }) => left_out += 1,
                    Err(failure) => return Err(failure),
                }
            }
            if gathering.records() > MOST_RECORDS {
                return Err(TestDataRefusal::TooManyRecords { most: MOST_RECORDS }.into());
            }
            if ended {
                return Ok(left_out);
            }
        }
    }

    async fn open_one(
        self: &Arc<Self>,
        agreed: &AgreedExport,
        question: &Question,
        subject: SubjectId,
    ) -> Result<Opened, Failure> {
        let (question, target) = (question.clone(), target(agreed.proposal.id));
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| seal(look, found))?;
            plan.draft.target = Some(target.clone());
            Ok(plan)
        };
        let (sealed, receipt) = self.disclose(&agreed.call, look).await?;
        let documents = sealed.documents.map(|documents| documents.open(&receipt)).transpose()?.unwrap_or_default();
        let (grants, closed) = (sealed.grants, sealed.closed);
        Ok(Opened { fields: sealed.fields.open(&receipt)?, documents, grants, closed })
    }
}

fn seal(look: &Look<'_>, found: &Found<'_>) -> Result<Reading<Sealed>, Failure> {
    let opened: Vec<FieldPath> = found.decided.opened.iter().cloned().collect();
    let fields = look.snapshot.fields(found.kind, found.subject, &opened)?;
    let declared = look.keeper.record_type(found.kind.as_str())?;
    // A document does not tell to which field it belongs.
    let all_open = declared::document_fields(declared).is_subset(&found.decided.opened);
    let documents = if all_open { Some(look.snapshot.documents(found.kind, found.subject)?) } else { None };
    let claims = std::iter::once(fields.claim().clone());
    let claims = claims.chain(documents.iter().map(|documents| documents.claim().clone())).collect();
    let grants = look.snapshot.grants(found.subject)?;
    let closed = found.decided.withheld.keys().cloned().collect();
    Ok(Reading { claims, content: Sealed { fields, documents, grants, closed } })
}

impl Opened {
    /// What is left of it is keyed hashes, lengths and counts.
    fn into(self, gathering: &mut Gathering, now: Timestamp) {
        let documents = self
            .documents
            .iter()
            .map(|info| (info.file_name.as_str(), info.media_type.as_str(), info.length, info.id.to_string()));
        let source = Source { fields: &self.fields, documents: documents.collect(), grants: &self.grants };
        gathering.take(&source, |field| self.closed.contains(field), now);
    }
}

/// Every field but those of special categories: no condition of GDPR article 9(2) covers the making of test data.
pub(super) fn fields_of_test_data(kind: &RecordType) -> BTreeSet<FieldPath> {
    declared::all_fields(kind).into_iter().filter(|field| !kind.is_special(field)).collect()
}

fn internal(what: &str) -> Failure {
    Failure::Internal { what: what.to_owned() }
}
