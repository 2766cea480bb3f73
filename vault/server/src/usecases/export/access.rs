//! The answer to a request for access (GDPR article 15): the data, the purposes, the recipients, how long it is kept, and
//! who saw it: when and why, by service. Which employee it was is not told (CJEU, C-579/21).

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit::{self, Decision, Entry};
use coffre_core::day::Day;
use coffre_core::grant::{Basis, Grant};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::restriction::{Ground, Restriction};
use coffre_core::role::Role;
use coffre_core::source::{Source, Sources};
use coffre_core::time::Timestamp;
use coffre_policies::record_type::{CategoryDefinition, FieldDefinition, Kind};
use coffre_policies::{Action, Labels};
use coffre_store::{DocumentInfo, Objection, ReadError, Receipt, RecordState, Snapshot, Undisclosed};
use serde::Serialize;

use super::fulfils;
use super::kept::Kept;
use super::told_act::ToldAct;
use crate::usecases::call::Call;
use crate::usecases::erasure::with_dating_fields;
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
    /// Why: letters of GDPR article 18(1); none of a restriction from before they were kept.
    pub(crate) restriction_grounds: Vec<Ground>,
    /// Where the data come from, as far as it was written down or the log still tells.
    pub(crate) sources: Vec<Source>,
    pub(crate) fields: Vec<Told>,
    pub(crate) documents: Vec<DocumentInfo>,
    pub(crate) purposes: Vec<Purpose>,
    /// The services that the data were opened to, or may be.
    pub(crate) recipients: BTreeSet<Role>,
    pub(crate) grants: Vec<Opened>,
    /// What the person objected to.
    pub(crate) objections: Vec<Objection>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) accesses: Vec<Seen>,
    /// The moment of the oldest entry that the log still has, where older ones about the person were pruned: who saw them
    /// before is not told.
    pub(crate) accesses_since: Option<Timestamp>,
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

/// The accesses that the log tells, and since when if it was pruned.
struct History {
    accesses: Vec<Seen>,
    /// Where what it says was written comes from.
    sources: Sources,
    since: Option<Timestamp>,
}

struct Sealed {
    kind: RecordTypeName,
    state: RecordState,
    fields: Undisclosed<Fields>,
    documents: Option<Undisclosed<Vec<DocumentInfo>>>,
    grants: Arc<[Grant]>,
    standing: Standing,
    kept: Vec<Kept>,
}

/// What is known of a record beside what it says.
struct Standing {
    sources: Sources,
    restriction: Restriction,
    objections: Vec<Objection>,
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
                let rule = look.keeper.kept(&kind, look.snapshot.obstacles(subject)?);
                let kept = look.snapshot.judged(&kind, subject, look.now, &rule)?;
                let standing = Standing {
                    sources: look.snapshot.sources(subject)?,
                    restriction: look.snapshot.restriction(subject)?,
                    objections: look.snapshot.objections(subject)?,
                };
                Ok(Reading { claims, content: Sealed { kind, state, fields, documents, grants, standing, kept } })
            })?;
            if !content {
                plan = with_dating_fields(look, plan)?;
            }
            plan.draft.target = request.map(|id| format!("request {id}"));
            Ok(plan)
        };
        let (sealed, receipt) = self.disclose(call, look).await?;
        let Sealed { kind, state, fields, documents, grants, standing, kept } = sealed;
        let fields = fields.open(&receipt)?;
        let documents = documents.map(|documents| documents.open(&receipt)).transpose()?.unwrap_or_default();
        let history = self.history(subject).await?;
        let export =
            self.access_export(subject, &kind, &state, &fields, documents, &grants, standing, kept, history)?;
        self.fulfilled(call, request, by).await?;
        Ok((export, receipt))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one document, put together in one place")]
    fn access_export(
        &self,
        id: SubjectId,
        kind: &RecordTypeName,
        state: &RecordState,
        fields: &Fields,
        documents: Vec<DocumentInfo>,
        grants: &[Grant],
        Standing { sources, restriction, objections }: Standing,
        kept: Vec<Kept>,
        History { accesses, sources: logged, since }: History,
    ) -> Result<AccessExport, Failure> {
        let declared = self.record_type(kind.as_str())?;
        let value = |field: &FieldDefinition| {
            let value = fields.0.get(&field.path)?.clone();
            Some(Told { field: field.path.clone(), labels: field.labels.clone(), value, kind: field.kind.clone() })
        };
        let used: BTreeSet<&str> = accesses.iter().filter_map(|seen| seen.purpose.as_deref()).collect();
        let given: BTreeSet<&str> = grants.iter().map(|grant| grant.terms.purpose.as_str()).collect();
        let objected: BTreeSet<&str> = objections.iter().map(|objection| objection.purpose.as_str()).collect();
        let named = &(&used | &given) | &objected;
        let purposes = self.policies.purposes().filter(|purpose| named.contains(purpose.name.as_str()));
        let purposes = purposes.map(|purpose| Purpose {
            name: purpose.name.clone(),
            labels: purpose.labels.clone(),
            description: purpose.description.clone(),
            dpv: purpose.dpv.clone(),
            basis: purpose.article6,
        });
        let purposes: Vec<Purpose> = purposes.collect();
        Ok(AccessExport {
            format: "coffre-access/1",
            kind: kind.clone(),
            id,
            exported_on: Day::of(self.now()),
            held_since: state.created_at,
            changed_at: state.updated_at,
            restricted: state.restricted,
            restriction_grounds: restriction.grounds(),
            // Of a record from before sources were written down the log tells them, as far as it goes back.
            sources: sources.joined(logged).list(),
            fields: declared.fields().iter().filter_map(value).collect(),
            documents,
            purposes,
            recipients: accesses
                .iter()
                .filter_map(|seen| seen.role)
                .chain(grants.iter().map(|g| g.terms.role))
                .collect(),
            kept,
            grants: grants.iter().map(opened).collect(),
            objections,
            accesses,
            accesses_since: since.filter(|since| state.created_at < *since),
            categories: declared.categories().to_vec(),
        })
    }

    /// Who saw or changed something of the person, oldest first, as far as the log goes back.
    async fn history(self: &Arc<Self>, subject: SubjectId) -> Result<History, Failure> {
        let (mut accesses, mut sources, mut before) = (Vec::new(), Sources::default(), None);
        loop {
            let page = self.view(move |_, snapshot| Ok(snapshot.accesses(subject, before, PAGE)?)).await?;
            for logged in &page {
                let entry = Entry::from_leaf(&logged.leaf).map_err(|_| ReadError::Format { what: "log entry" })?;
                sources = source_of(&entry).into_iter().fold(sources, Sources::with);
                accesses.extend(access_of(entry));
            }
            before = page.last().map(|logged| logged.index);
            if page.len() < PAGE {
                accesses.reverse();
                // Asked last: what was pruned while they were read is told, too.
                let since = self.view(|_, snapshot| log_since(snapshot)).await?;
                return Ok(History { accesses, sources, since });
            }
        }
    }
}

/// Since when the log tells what was done, if older entries were pruned.
fn log_since(snapshot: &Snapshot<'_>) -> Result<Option<Timestamp>, Failure> {
    if snapshot.minimum_index()? == 0 {
        return Ok(None);
    }
    let oldest = snapshot.entries(0, 1)?.into_iter().next().and_then(|oldest| Entry::from_leaf(&oldest.leaf).ok());
    Ok(Some(oldest.ok_or(ReadError::Format { what: "log entry" })?.time))
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

/// Where what an entry says was written comes from.
fn source_of(entry: &Entry) -> Option<Source> {
    let is_done = entry.what.decision == Decision::Allow;
    Source::of(entry.what.action, entry.what.role).filter(|_| is_done)
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
