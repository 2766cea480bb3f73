//! Reading fields of a record, as it is or as it was in a version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_policies::{Action, Reason};
use coffre_store::{Receipt, Undisclosed};
use serde::Serialize;

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Found, Look, Question};
use super::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct ReadRecord {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) fields: BTreeSet<FieldPath>,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
    /// A former version instead of the current one.
    pub(crate) version: Option<u32>,
}

/// What is answered.
#[derive(Serialize)]
pub(crate) struct RecordView {
    #[serde(rename = "type")]
    pub(crate) kind: RecordTypeName,
    pub(crate) id: SubjectId,
    pub(crate) version: u32,
    pub(crate) fields: Fields,
    pub(crate) withheld: BTreeMap<FieldPath, Reason>,
}

/// The view before its fields are open.
pub(super) struct Sealed {
    kind: RecordTypeName,
    version: u32,
    fields: Undisclosed<Fields>,
    withheld: BTreeMap<FieldPath, Reason>,
}

impl Sealed {
    /// The view, for the receipt of its entry.
    pub(super) fn open(self, id: SubjectId, receipt: &Receipt) -> Result<RecordView, Failure> {
        let Self { kind, version, fields, withheld } = self;
        Ok(RecordView { kind, id, version, fields: fields.open(receipt)?, withheld })
    }
}

impl Keeper {
    /// Reads a record.
    pub(crate) async fn read_record(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadRecord,
    ) -> Result<(RecordView, Receipt), Failure> {
        let (subject, version) = (asked.subject, asked.version);
        let question = self.question_of_read(asked)?;
        let look = move |look: &Look<'_>| prepare(look, &question, subject, version);
        let (sealed, receipt) = self.disclose(call, look).await?;
        Ok((sealed.open(subject, &receipt)?, receipt))
    }

    fn question_of_read(&self, asked: ReadRecord) -> Result<Question, Failure> {
        let kind = self.record_type(&asked.kind)?;
        declared::has_fields(kind, &asked.fields)?;
        let (action, logged_as) = match asked.version {
            None => (Action::Read, audit::Action::Read),
            Some(_) => (Action::ReadVersions, audit::Action::ReadVersions),
        };
        Ok(Question {
            action,
            logged_as,
            kind: Some(kind.name().clone()),
            fields: asked.fields,
            entire: false,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        })
    }
}

/// Plans the reading of what is open of a record.
pub(super) fn prepare(
    look: &Look<'_>,
    question: &Question,
    subject: SubjectId,
    version: Option<u32>,
) -> Result<Plan<Reading<Sealed>>, Failure> {
    let mut plan = look.on_record(question, subject, |found| seal(look, found, version))?;
    plan.draft.version = plan.then.as_ref().ok().map(|reading| reading.content.version);
    Ok(plan)
}

fn seal(look: &Look<'_>, found: &Found<'_>, version: Option<u32>) -> Result<Reading<Sealed>, Failure> {
    let opened: Vec<FieldPath> = found.decided.opened.iter().cloned().collect();
    let fields = match version {
        None => look.snapshot.fields(found.kind, found.subject, &opened)?,
        Some(version) => {
            look.snapshot.fields_at(found.kind, found.subject, version, &opened)?.ok_or(Failure::NoSuchVersion)?
        }
    };
    let content = Sealed {
        kind: found.kind.clone(),
        version: version.unwrap_or(found.state.version),
        withheld: found.decided.withheld.clone(),
        fields,
    };
    Ok(Reading { claims: vec![content.fields.claim().clone()], content })
}
