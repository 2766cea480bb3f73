//! Filing a request. Who proposes values need not be able to read those they replace: nothing of the record is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::filing::{Filing, FilingContent, FilingTerms};
use coffre_core::record::FieldPath;
use coffre_policies::record_type::{FieldFault, Rule};
use coffre_policies::{Action, RecordType};
use coffre_store::transactions;
use serde_json::Value;

use crate::usecases::call::Call;
use crate::usecases::declared;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::once::Recorded;

/// What is asked for.
pub(crate) struct FileRequest {
    pub(crate) terms: FilingTerms,
    pub(crate) content: FilingContent,
    pub(crate) purpose: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Files a request.
    pub(crate) async fn file_request(
        self: &Arc<Self>,
        call: &Call,
        asked: FileRequest,
    ) -> Result<(Filing, Recorded), Failure> {
        let question = self.question_of_filing(&asked)?;
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.terms.subject, |found| {
                let kind = look.keeper.record_type(found.kind.as_str())?;
                let faults = faults(kind, &asked.content.changes);
                if !faults.is_empty() {
                    return Err(Failure::InvalidValues { faults });
                }
                let (filer, filer_role) = (look.application().id, look.application().role);
                let (terms, content) = (asked.terms.clone(), asked.content.clone());
                Ok(transactions::FileRequest { terms, filer, filer_role, content })
            })
        };
        self.create(call, look).await
    }

    fn question_of_filing(&self, asked: &FileRequest) -> Result<Question, Failure> {
        let kind = self.record_type(asked.terms.record_type.as_str())?;
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

fn faults(kind: &RecordType, changes: &BTreeMap<FieldPath, Value>) -> Vec<FieldFault> {
    let fault = |(field, value): (&FieldPath, &Value)| {
        let rule = fits(kind, field, Some(value).filter(|value| !value.is_null())).err()?;
        Some(FieldFault { field: field.clone(), rule })
    };
    changes.iter().filter_map(fault).collect()
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
