//! Changing some values of a record, against the version that the caller saw.

use std::collections::BTreeMap;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{DocumentId, FilingId, SubjectId};
use coffre_core::record::{Category, FieldPath};
use coffre_policies::record_type::{FieldFault, Rule};
use coffre_policies::{Action, RecordType};
use coffre_store::{Receipt, Snapshot, transactions};
use serde_json::Value;

use super::call::Call;
use super::create_record::Written;
use super::declared;
use super::expected_version::ExpectedVersion;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Found, Look, Question};

/// What is asked for.
pub(crate) struct AmendRecord {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// The new values; `None` removes a field.
    pub(crate) changes: BTreeMap<FieldPath, Option<Value>>,
    /// Categories of which every other field is removed.
    pub(crate) cleared: Vec<Category>,
    pub(crate) expected: ExpectedVersion,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
    /// The request that this change fulfils.
    pub(crate) request: Option<FilingId>,
}

impl Keeper {
    /// Changes a record.
    pub(crate) async fn amend_record(
        self: &Arc<Self>,
        call: &Call,
        mut asked: AmendRecord,
    ) -> Result<(Written, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        self.clear(&mut asked)?;
        let id = asked.subject;
        let question = self.question_of_amend(&asked)?;
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                let act = transaction(look, found, &asked)?;
                Ok(transactions::Answering { act, subject: asked.subject, filing: asked.request })
            })
        };
        let (version, receipt) = self.change(call, look).await?;
        Ok((Written { kind, id, version }, receipt))
    }

    /// Spells out the categories that are removed as a whole.
    fn clear(&self, asked: &mut AmendRecord) -> Result<(), Failure> {
        let kind = self.record_type(&asked.kind)?;
        for category in &asked.cleared {
            declared::has_category(kind, category)?;
            let fields = kind.fields().iter().filter(|field| field.path.category_str() == category.as_str());
            for field in fields {
                asked.changes.entry(field.path.clone()).or_insert(None);
            }
        }
        Ok(())
    }

    fn question_of_amend(&self, asked: &AmendRecord) -> Result<Question, Failure> {
        let kind = self.record_type(&asked.kind)?;
        declared::has_fields(kind, asked.changes.keys())?;
        Ok(Question {
            action: Action::Amend,
            logged_as: audit::Action::Amend,
            kind: Some(kind.name().clone()),
            fields: asked.changes.keys().cloned().collect(),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        })
    }
}

fn transaction(look: &Look<'_>, found: &Found<'_>, asked: &AmendRecord) -> Result<transactions::AmendRecord, Failure> {
    let expected_version = asked.expected.of(found.state)?;
    let kind = look.keeper.record_type(found.kind.as_str())?;
    let mut faults = Vec::new();
    for (field, value) in &asked.changes {
        match check(look.snapshot, kind, found.subject, field, value.as_ref())? {
            Ok(()) => {}
            Err(rule) => faults.push(FieldFault { field: field.clone(), rule }),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::InvalidValues { faults });
    }
    Ok(transactions::AmendRecord {
        record_type: found.kind.clone(),
        subject: found.subject,
        expected_version,
        changes: asked.changes.clone(),
    })
}

/// Whether a field may change so. The rest of the record was checked when it was written.
fn check(
    snapshot: &Snapshot<'_>,
    kind: &RecordType,
    subject: SubjectId,
    field: &FieldPath,
    value: Option<&Value>,
) -> Result<Result<(), Rule>, Failure> {
    let Some(declared) = kind.field(field) else { return Ok(Err(Rule::Unknown)) };
    let Some(value) = value else {
        return Ok(if declared.required { Err(Rule::Required) } else { Ok(()) });
    };
    if let Err(rule) = declared.kind.check(value) {
        return Ok(Err(rule));
    }
    if declared.kind.holds_documents() {
        for document in documents(value) {
            if snapshot.document_version(subject, document)?.is_none() {
                return Ok(Err(Rule::Document));
            }
        }
    }
    Ok(Ok(()))
}

/// The documents that a value names.
pub(super) fn documents(value: &Value) -> impl Iterator<Item = DocumentId> + '_ {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(|item| item.as_str()?.parse().ok())
}
