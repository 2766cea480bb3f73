//! Creating a record.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_policies::record_type::{FieldFault, Rule};
use coffre_policies::{Action, RecordType};
use coffre_store::transactions;
use serde::Serialize;
use serde_json::Value;

use super::amend_record::documents;
use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::once::Recorded;

/// What is asked for.
pub(crate) struct CreateRecord {
    pub(crate) kind: String,
    pub(crate) fields: Fields,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// Which record was written, and its version since.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    #[serde(rename = "type")]
    pub(crate) kind: RecordTypeName,
    pub(crate) id: SubjectId,
    pub(crate) version: u32,
}

impl Keeper {
    /// Creates a record.
    pub(crate) async fn create_record(
        self: &Arc<Self>,
        call: &Call,
        asked: CreateRecord,
    ) -> Result<(Written, Recorded), Failure> {
        let kind = self.record_type(&asked.kind)?.name().clone();
        let question = self.question_of_create(&asked)?;
        let fields = asked.fields;
        let name = kind.clone();
        let look = move |look: &Look<'_>| {
            look.at_large(&question, || {
                let declared = look.keeper.record_type(name.as_str())?;
                check(declared, &fields)?;
                let subject = look.keeper.store.new_subject();
                Ok(transactions::CreateRecord { record_type: name.clone(), subject, fields: fields.clone() })
            })
        };
        let (id, recorded) = self.create(call, look).await?;
        Ok((Written { kind, id, version: 1 }, recorded))
    }

    fn question_of_create(&self, asked: &CreateRecord) -> Result<Question, Failure> {
        let kind = self.record_type(&asked.kind)?;
        declared::has_fields(kind, asked.fields.0.keys())?;
        let given: BTreeSet<_> = asked.fields.0.keys().cloned().collect();
        Ok(Question {
            action: Action::Create,
            logged_as: audit::Action::Create,
            kind: Some(kind.name().clone()),
            // A record of nothing is decided like one of everything, then refused for what it lacks.
            fields: if given.is_empty() { declared::all_fields(kind) } else { given },
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        })
    }
}

/// Checks the values of a new record. It has no documents yet, so it names none, unless it could not be made otherwise.
fn check(kind: &RecordType, fields: &Fields) -> Result<(), Failure> {
    let mut faults = kind.validate(fields).err().unwrap_or_default();
    let names_some = |(field, value): &(&FieldPath, &Value)| {
        let declared = kind.field(field).filter(|declared| !declared.required);
        declared.is_some_and(|declared| declared.kind.holds_documents()) && documents(value).next().is_some()
    };
    let early = fields.0.iter().filter(names_some);
    faults.extend(early.map(|(field, _)| FieldFault { field: field.clone(), rule: Rule::Document }));
    if faults.is_empty() { Ok(()) } else { Err(Failure::InvalidValues { faults }) }
}
