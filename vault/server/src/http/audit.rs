//! The audit log: entries, accesses to a person's record, the signed tree head.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use coffre_core::audit::{Action, Decision, DocumentRef, GrantRef, OperatorKnown};
use coffre_core::ids::RequestId;
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Api;
use super::answer::Answer;
use super::caller::{Caller, Program};
use super::cursor::{Cursor, NextEntry, OlderThan};
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use crate::usecases::{Access, Entries, ListAccesses, ListEntries};

const USUAL: usize = 100;
const MOST: usize = 1000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/audit/entries", entries)
        .get("/v1/audit/tree-head", tree_head)
        .get("/v1/records/{type}/{id}/accesses", accesses)
}

async fn entries(State(api): State<Api>, Caller(call): Caller, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["from", "after", "limit", "reason"])?;
    let from = query.parsed("from", "an entry's index")?;
    let after = query.parsed("after", "the `next` of a page")?.map(|Cursor(NextEntry(index))| index);
    if from.is_some() && after.is_some() {
        return Err(
            Problem::malformed("`from` begins, and `after` goes on: send one of them").with("parameter", "after")
        );
    }
    let asked =
        ListEntries { from: after.or(from).unwrap_or(0), limit: query.limit(USUAL, MOST)?, reason: query.reason()? };
    let (found, receipt) = api.keeper.list_entries(&call, asked).await?;
    let json = Some(HeaderValue::from_static("application/json"));
    Ok(Answer::recorded(&receipt).with(CONTENT_TYPE, json).body(written(&found)))
}

/// The leaves as they are, byte for byte: a client can hash them.
fn written(found: &Entries) -> Vec<u8> {
    let mut text = Vec::with_capacity(found.entries.len() * 640 + 64);
    text.extend_from_slice(b"{\"entries\":[");
    for (place, logged) in found.entries.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        text.extend_from_slice(format!("{{\"index\":{},\"entry\":", logged.index).as_bytes());
        text.extend_from_slice(&logged.leaf);
        text.push(b'}');
    }
    let next = found.next.map_or("null".to_owned(), |next| format!("\"{}\"", Cursor(NextEntry(next))));
    text.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    text
}

/// One access, in the words of the question «who has seen this person?».
#[derive(Serialize)]
struct AccessView {
    index: u64,
    time: Timestamp,
    action: Action,
    decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_known: Option<OperatorKnown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    fields: Vec<FieldPath>,
    withheld: Vec<FieldPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<DocumentRef>,
    grants: Vec<GrantRef>,
    policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// How many equal ones it stands for.
    count: u64,
    request: RequestId,
}

impl From<Access> for AccessView {
    fn from(access: Access) -> Self {
        let what = access.entry.what;
        Self {
            index: access.index,
            time: access.entry.time,
            action: what.action,
            decision: what.decision,
            application: what.application_name,
            role: what.role,
            operator: what.operator,
            operator_known: what.operator_known,
            purpose: what.purpose,
            reason: access.reason,
            fields: what.fields,
            withheld: what.withheld,
            document: what.document,
            grants: what.grants,
            policies: what.policies,
            cause: what.cause,
            count: what.count.unwrap_or(1),
            request: what.request,
        }
    }
}

async fn accesses(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["after", "limit", "reason"])?;
    let asked = ListAccesses {
        kind,
        subject: identifier(&id)?,
        before: query.parsed("after", "the `next` of a page")?.map(|Cursor(OlderThan(index))| index),
        limit: query.limit(USUAL, MOST)?,
        reason: query.reason()?,
    };
    let (listed, receipt) = api.keeper.list_accesses(&call, asked).await?;
    let accesses: Vec<AccessView> = listed.found.into_iter().map(AccessView::from).collect();
    let next = listed.next.map(|index| Cursor(OlderThan(index)).to_string());
    let told = json!({ "accesses": accesses, "next": next, "minimum_index": listed.minimum_index });
    Answer::recorded(&receipt).json(&told)
}

/// The note as it was signed: outside tools verify it.
async fn tree_head(State(api): State<Api>, Program(call): Program, uri: Uri) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["reason"])?;
    let (head, receipt) = api.keeper.read_tree_head(&call, query.reason()?).await?;
    let text = Some(HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(Answer::recorded(&receipt).with(CONTENT_TYPE, text).body(head.note))
}
