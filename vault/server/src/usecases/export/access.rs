//! The answer to a request for access (GDPR article 15): the data, the purposes, the recipients, how long it is kept, and
//! who saw it: when and why, by service. Which employee it was is not told (CJEU, C-579/21).

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit::{self, Decision, Entry};
use coffre_core::day::Day;
use coffre_core::grant::{Basis, Grant};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::record_type::{CategoryDefinition, FieldDefinition, Kind};
use coffre_policies::{Action, Labels, RecordFacts};
use coffre_store::{DocumentInfo, Obstacles, ReadError, Receipt, RecordState, Undisclosed};
use serde::Serialize;

use super::fulfils;
use super::kept::Kept;
use super::told_act::ToldAct;
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::Look;
use crate::usecases::plan::Reading;

/// So many accesses are read in one view.
const PAGE: usize = 500;

/// What is asked for.
pub(crate) struct ExportAccess {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
    /// The request that this answers.
    pub(crate) request: Option<FilingId>,
    /// Whether the data themselves are in it. Without them it is what oversight may see.
    pub(crate) content: bool,
}

/// Everything that is held about a person.
#[derive(Serialize)]
pub(crate) struct AccessExport {
    format: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: RecordTypeName,
    pub(crate) id: SubjectId,
    pub(crate) exported_on: Day,
    pub(crate) held_since: Timestamp,
    pub(crate) changed_at: Timestamp,
    pub(crate) restricted: bool,
    pub(crate) fields: Vec<Told>,
    pub(crate) documents: Vec<DocumentInfo>,
    pub(crate) purposes: Vec<Purpose>,
    /// The services that the data were opened to, or may be.
    pub(crate) recipients: BTreeSet<Role>,
    pub(crate) grants: Vec<Opened>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) accesses: Vec<Seen>,
    /// The categories of the record type: what people read in place of their names.
    #[serde(skip)]
    pub(crate) categories: Vec<CategoryDefinition>,
}

/// A value.
#[derive(Serialize)]
pub(crate) struct Told {
    pub(crate) field: FieldPath,
    pub(crate) labels: Labels,
    pub(crate) value: serde_json::Value,
    /// What the field holds: how the value is written for people.
    #[serde(skip)]
    pub(crate) kind: Kind,
}

/// Why data are processed.
#[derive(Serialize)]
pub(crate) struct Purpose {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) description: Labels,
    dpv: String,
    /// GDPR article 6(1).
    pub(crate) basis: Basis,
}

/// What was opened to a service.
#[derive(Serialize)]
pub(crate) struct Opened {
    role: Role,
    purpose: String,
    fields: BTreeSet<FieldPath>,
    basis: &'static str,
    valid_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<Timestamp>,
}

/// One access: when, by which service, why, to what. Not by whom.
#[derive(Serialize)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) act: ToldAct,
    pub(crate) role: Option<Role>,
    pub(crate) purpose: Option<String>,
    pub(crate) categories: BTreeSet<coffre_core::record::Category>,
    pub(crate) count: u64,
}

struct Sealed {
    kind: RecordTypeName,
    state: RecordState,
    fields: Undisclosed<Fields>,
    documents: Option<Undisclosed<Vec<DocumentInfo>>>,
    grants: Arc<[Grant]>,
    answered: Option<Timestamp>,
    stands: Obstacles,
}

impl Keeper {
    /// Exports everything that is held about a person.
    pub(crate) async fn export_access(
        self: &Arc<Self>,
        call: &Call,
        asked: ExportAccess,
    ) -> Result<(AccessExport, Receipt), Failure> {
        let by = audit::Action::ExportAccess;
        let mut question = self.question_of_export(&asked.kind, &asked.purpose, asked.reason, by)?;
        if !asked.content {
            (question.action, question.fields) = (Action::ReadAccesses, BTreeSet::new());
        }
        let (subject, request, content) = (asked.subject, asked.request.filter(|_| asked.content), asked.content);
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| {
                fulfils(look, request, subject, by)?;
                let opened: Vec<FieldPath> = found.decided.opened.iter().cloned().collect();
                let fields = look.snapshot.fields(found.kind, subject, &opened)?;
                let documents = content.then(|| look.snapshot.documents(found.kind, subject)).transpose()?;
                let mut claims = vec![fields.claim().clone()];
                claims.extend(documents.as_ref().map(|documents| documents.claim().clone()));
                let (kind, state) = (found.kind.clone(), found.state.clone());
                let grants = look.snapshot.grants(subject)?;
                let answered = look.snapshot.answered(subject, state.updated_at)?;
                let stands = look.snapshot.obstacles(subject)?;
                Ok(Reading { claims, content: Sealed { kind, state, fields, documents, grants, answered, stands } })
            })?;
            plan.draft.target = request.map(|id| format!("request {id}"));
            Ok(plan)
        };
        let (sealed, receipt) = self.disclose(call, look).await?;
        let fields = sealed.fields.open(&receipt)?;
        let documents = sealed.documents.map(|documents| documents.open(&receipt)).transpose()?.unwrap_or_default();
        let accesses = self.seen(subject).await?;
        let (kind, state, answered) = (&sealed.kind, &sealed.state, sealed.answered);
        let facts = RecordFacts { created: state.created_at, changed: state.updated_at, answered, fields: &fields };
        let (grants, stands) = (&sealed.grants, sealed.stands);
        let export = self.access_export(subject, kind, state, facts, stands, documents, grants, accesses)?;
        self.fulfilled(call, request, by).await?;
        Ok((export, receipt))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one document, put together in one place")]
    fn access_export(
        &self,
        id: SubjectId,
        kind: &RecordTypeName,
        state: &RecordState,
        facts: RecordFacts<'_>,
        stands: Obstacles,
        documents: Vec<DocumentInfo>,
        grants: &[Grant],
        accesses: Vec<Seen>,
    ) -> Result<AccessExport, Failure> {
        let (declared, now) = (self.record_type(kind.as_str())?, self.now());
        let value = |field: &FieldDefinition| {
            let value = facts.fields.0.get(&field.path)?.clone();
            Some(Told { field: field.path.clone(), labels: field.labels.clone(), value, kind: field.kind.clone() })
        };
        let kept = self.policies.keeping(declared, facts, now);
        let kept = kept.iter().filter_map(|keeping| Kept::of(keeping, declared, stands));
        let used: BTreeSet<&str> = accesses.iter().filter_map(|seen| seen.purpose.as_deref()).collect();
        let given: BTreeSet<&str> = grants.iter().map(|grant| grant.terms.purpose.as_str()).collect();
        let purposes = self.policies.purposes().filter(|purpose| (&used | &given).contains(purpose.name.as_str()));
        let purposes = purposes.map(|purpose| Purpose {
            name: purpose.name.clone(),
            labels: purpose.labels.clone(),
            description: purpose.description.clone(),
            dpv: purpose.dpv.clone(),
            basis: purpose.article6,
        });
        Ok(AccessExport {
            format: "coffre-access/1",
            kind: kind.clone(),
            id,
            exported_on: Day::of(now),
            held_since: state.created_at,
            changed_at: state.updated_at,
            restricted: state.restricted,
            fields: declared.fields().iter().filter_map(value).collect(),
            documents,
            purposes: purposes.collect(),
            recipients: accesses
                .iter()
                .filter_map(|seen| seen.role)
                .chain(grants.iter().map(|g| g.terms.role))
                .collect(),
            kept: kept.collect(),
            grants: grants.iter().map(opened).collect(),
            accesses,
            categories: declared.categories().to_vec(),
        })
    }

    /// Who saw or changed something of the person, oldest first.
    async fn seen(self: &Arc<Self>, subject: SubjectId) -> Result<Vec<Seen>, Failure> {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = self.view(move |_, snapshot| Ok(snapshot.accesses(subject, before, PAGE)?)).await?;
            for logged in &page {
                let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
                seen.extend(access_of(entry));
            }
            before = page.last().map(|logged| logged.index);
            if page.len() < PAGE {
                seen.reverse();
                return Ok(seen);
            }
        }
    }
}

fn opened(grant: &Grant) -> Opened {
    let Grant { terms, withdrawn_at, .. } = grant;
    Opened {
        role: terms.role,
        purpose: terms.purpose.clone(),
        fields: terms.fields.clone(),
        basis: terms.basis.as_str(),
        valid_from: terms.valid_from,
        valid_until: terms.valid_until,
        withdrawn_at: *withdrawn_at,
    }
}

/// An entry as the person is told it, if something of the person was seen or changed.
fn access_of(entry: Entry) -> Option<Seen> {
    let act = ToldAct::of(entry.what.action).filter(|_| entry.what.decision == Decision::Allow)?;
    Some(Seen {
        at: entry.time,
        act,
        role: entry.what.role,
        purpose: entry.what.purpose,
        categories: entry.what.fields.iter().map(FieldPath::category).collect(),
        count: entry.what.count.unwrap_or(1),
    })
}
