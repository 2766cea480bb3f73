//! Records: creating, reading, changing.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use coffre_core::record::{FieldPath, Fields};
use serde_json::Value;

use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::record_body::RecordBody;
use super::routes::Routes;
use super::{Api, body, etag};
use crate::usecases::{AmendRecord, CreateRecord, ReadRecord};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}", create)
        .get("/v1/records/{type}/{id}", read)
        .patch("/v1/records/{type}/{id}", amend)
}

async fn create(
    State(api): State<Api>,
    creator: Creator,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason"])?;
    let (values, call) = creator.json::<RecordBody>(&parts, sent, &api.limits).await?;
    let fields = Fields(new_values(values)?);
    let asked = CreateRecord { kind, fields, purpose: query.text("purpose"), reason: query.reason()? };
    let (written, recorded) = api.keeper.create_record(&call, asked).await?;
    Answer::created(&recorded)
        .at(&format!("/v1/records/{}/{}", written.kind, written.id))
        .version(written.version)
        .json(&written)
}

/// The values of a new record.
pub(super) fn new_values(values: RecordBody) -> Result<BTreeMap<FieldPath, Value>, Problem> {
    if values.cleared.is_empty() {
        return Ok(values.fields);
    }
    Err(Problem::malformed("a new record has no category to clear: leave it out instead of sending null"))
}

async fn read(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["fields", "purpose"], &["reason", "version"])?;
    let asked = ReadRecord {
        kind,
        subject: identifier(&id)?,
        fields: query.fields()?,
        purpose: query.text("purpose"),
        reason: query.reason()?,
        version: query.parsed("version", "a version's number")?,
    };
    let (record, receipt) = api.keeper.read_record(&call, asked).await?;
    Answer::recorded(&receipt).version(record.version).json(&record)
}

async fn amend(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason", "request"])?;
    let subject = identifier(&id)?;
    let expected = etag::expected(&parts.headers)?;
    let media_types = ["application/merge-patch+json", "application/json"];
    let values: RecordBody = body::json(&parts.headers, sent, &api.limits, &media_types).await?;
    if values.fields.is_empty() && values.cleared.is_empty() {
        return Err(Problem::malformed("the body changes nothing: name at least one field"));
    }
    let asked = AmendRecord {
        kind,
        subject,
        changes: changes(values.fields),
        cleared: values.cleared,
        expected,
        purpose: query.text("purpose"),
        reason: query.reason()?,
        request: query.request()?,
    };
    let (written, receipt) = api.keeper.amend_record(&call, asked).await?;
    Answer::recorded(&receipt).version(written.version).json(&written)
}

fn changes(fields: BTreeMap<FieldPath, Value>) -> BTreeMap<FieldPath, Option<Value>> {
    fields.into_iter().map(|(field, value)| (field, Some(value).filter(|value| !value.is_null()))).collect()
}
