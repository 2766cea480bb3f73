//! Filing a request. Who proposes values need not be able to read those they replace: nothing of the record is told. Whoever has
//! no record gets one of a type of its own, with the request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::day::Day;
use coffre_core::filing::{Channel, Filing, FilingContent, FilingKind, FilingTerms, IdentityCheck, REQUESTER};
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_policies::record_type::{FieldFault, Rule};
use coffre_policies::{Action, RecordType};
use coffre_store::transactions;
use serde_json::Value;

use super::{NOT_ITS_OWN, hidden, sees_all};
use crate::usecases::call::Call;
use crate::usecases::declared;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::once::Recorded;

/// Whom a request is about.
pub(crate) enum About {
    /// Somebody who has a record.
    Record(RecordTypeName, SubjectId),
    /// Whoever asks, of whom nothing is held but this.
    Requester(Fields),
}

/// What is asked for.
pub(crate) struct FileRequest {
    pub(crate) about: About,
    pub(crate) kind: FilingKind,
    pub(crate) channel: Channel,
    pub(crate) identity: IdentityCheck,
    pub(crate) received_on: Day,
    pub(crate) content: FilingContent,
    pub(crate) purpose: Option<String>,
    pub(crate) reason: Option<String>,
}

impl FileRequest {
    fn terms(&self, record_type: RecordTypeName, subject: SubjectId) -> FilingTerms {
        let Self { kind, channel, identity, received_on, .. } = *self;
        FilingTerms { record_type, subject, kind, channel, identity, received_on }
    }

    fn for_store(&self, look: &Look<'_>, record_type: RecordTypeName, subject: SubjectId) -> transactions::FileRequest {
        let (filer, filer_role) = (look.application().id, look.application().role);
        let terms = self.terms(record_type, subject);
        transactions::FileRequest { terms, filer, filer_role, content: self.content.clone() }
    }
}

impl Keeper {
    /// Files a request.
    pub(crate) async fn file_request(
        self: &Arc<Self>,
        call: &Call,
        asked: FileRequest,
    ) -> Result<(Filing, Recorded), Failure> {
        match &asked.about {
            About::Record(record_type, subject) => {
                let (question, subject) = (self.question_of_filing(record_type, &asked)?, *subject);
                let record_type = record_type.clone();
                let look = move |look: &Look<'_>| {
                    let decided = look.judge_at_large(&question)?;
                    let check = || check(look.keeper.record_type(record_type.as_str())?, &asked.content.changes);
                    if decided.refusal.is_none() {
                        if is_kept_from(look, &question)? {
                            return Ok(hidden(look, &question, vec![subject], &decided, NOT_ITS_OWN));
                        }
                        // Ahead of the record: it leaves no entry, so it must not tell whether there is one.
                        check()?;
                    }
                    look.on_record(&question, subject, |found| {
                        // Policies may be such that a grant alone lets it be proposed.
                        check()?;
                        Ok(asked.for_store(look, found.kind.clone(), subject))
                    })
                };
                self.create(call, look).await
            }
            About::Requester(fields) => {
                let kind = self.record_type(REQUESTER)?.name().clone();
                let (question, fields) = (self.question_of_filing(&kind, &asked)?, fields.clone());
                declared::has_fields(self.record_type(REQUESTER)?, fields.0.keys())?;
                let look = move |look: &Look<'_>| {
                    look.at_large(&question, || {
                        let declared = look.keeper.record_type(REQUESTER)?;
                        declared.validate(&fields).map_err(|faults| Failure::InvalidValues { faults })?;
                        let requester = look.keeper.store.new_subject();
                        let request = asked.for_store(look, kind.clone(), requester.id);
                        Ok(transactions::FileForStranger { requester, fields: fields.clone(), request })
                    })
                };
                self.create(call, look).await
            }
        }
    }

    fn question_of_filing(&self, record_type: &RecordTypeName, asked: &FileRequest) -> Result<Question, Failure> {
        let kind = self.record_type(record_type.as_str())?;
        let fields: BTreeSet<FieldPath> = asked.content.changes.keys().cloned().collect();
        declared::has_fields(kind, &fields)?;
        Ok(Question {
            action: if fields.is_empty() { Action::FileRequest } else { Action::ProposeChange },
            logged_as: audit::Action::FileRequest,
            kind: Some(kind.name().clone()),
            fields,
            entire: true,
            purpose: asked.purpose.as_deref().map(|name| self.purpose(name)).transpose()?,
            reason: asked.reason.clone(),
        })
    }
}

/// Whether the caller is not to know of a requester's record: it goes once the person is found to have another one, which
/// is told to nobody but those who see all requests.
fn is_kept_from(look: &Look<'_>, question: &Question) -> Result<bool, Failure> {
    match &question.kind {
        Some(kind) if kind.as_str() == REQUESTER => Ok(!sees_all(look, kind)?),
        _ => Ok(false),
    }
}

/// Checks the values that are proposed.
fn check(kind: &RecordType, changes: &BTreeMap<FieldPath, Value>) -> Result<(), Failure> {
    let fault = |(field, value): (&FieldPath, &Value)| {
        let rule = fits(kind, field, Some(value).filter(|value| !value.is_null())).err()?;
        Some(FieldFault { field: field.clone(), rule })
    };
    let faults: Vec<FieldFault> = changes.iter().filter_map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Failure::InvalidValues { faults }) }
}

/// Whether a value may be proposed for a field. Documents are uploaded, not proposed.
pub(super) fn fits(kind: &RecordType, field: &FieldPath, value: Option<&Value>) -> Result<(), Rule> {
    let declared = kind.field(field).ok_or(Rule::Unknown)?;
    if declared.kind.holds_documents() {
        return Err(Rule::Document);
    }
    match value {
        None if declared.required => Err(Rule::Required),
        None => Ok(()),
        Some(value) => declared.kind.check(value),
    }
}
