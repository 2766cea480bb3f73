//! Documents of a record: streamed in, listed, streamed out, restored.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use futures_util::stream;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::digest::{self, REPR_DIGEST};
use super::parameters::Parameters;
use super::path::{Segments, identifier, version};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body, etag, file_name};
use crate::limits::Limits;
use crate::usecases::{
    Call, DocumentStream, Failure, Keeper, ListDocuments, ReadDocument, RestoreDocument, Upload, UploadDocument,
};

/// The media type of a document that came without one.
const UNTYPED: &str = "application/octet-stream";
/// The most characters of a media type.
const LONGEST_TYPE: usize = 255;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/documents", upload)
        .get("/v1/records/{type}/{id}/documents", list)
        .get("/v1/records/{type}/{id}/documents/{document}", read)
        .post("/v1/records/{type}/{id}/documents/{document}/versions/{version}/restore", restore)
}

async fn upload(
    State(api): State<Api>,
    creator: Creator,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, mut sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["replaces", "reason"])?;
    let most = api.limits.document_bytes;
    let asked = UploadDocument {
        kind: kind.clone(),
        subject: identifier(&id)?,
        replaces: query.parsed("replaces", "a document's identifier")?,
        file_name: file_name::stated(&parts.headers)?,
        media_type: media_type(&parts.headers)?,
        sha256: digest::announced(&parts.headers)?,
        most,
        purpose: query.text("purpose"),
        reason: query.reason()?,
    };
    if announced_length(&parts.headers).is_some_and(|length| length > most) {
        return Err(Failure::TooLong { most }.into());
    }
    let mut upload = api.keeper.upload_document(creator.call(), asked).await?;
    take(&mut upload, &mut sent, &api.limits).await?;
    let (stored, recorded) = upload.finish(|sha256| creator.knowing(&parts, sha256.as_bytes())).await?;
    let path = format!("/v1/records/{kind}/{id}/documents/{}", stored.id);
    Answer::created(&recorded).at(&path).version(stored.version).json(&stored)
}

async fn take(upload: &mut Upload, sent: &mut Body, limits: &Limits) -> Result<(), Problem> {
    let whole = async {
        while let Some(bytes) = body::next(sent, limits).await? {
            upload.write(&bytes).await?;
        }
        Ok::<(), Problem>(())
    };
    tokio::time::timeout(limits.document, whole).await.map_err(|_| body::too_slow())?
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The media type of a document. A form or something encoded is refused: the envelope would be kept as the document.
fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    body::check_coding(headers)?;
    if body::is_of_type(headers, "multipart/form-data") {
        return Err(body::unsupported("send the document alone, with its own Content-Type, and not within a form"));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(UNTYPED.to_owned()) };
    let sound = |text: &&str| text.len() <= LONGEST_TYPE && text.contains('/');
    let wrong = || Problem::malformed("Content-Type is not a media type such as application/pdf");
    value.to_str().ok().filter(sound).map(str::to_owned).ok_or_else(wrong)
}

async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["purpose"], &["reason"])?;
    let asked =
        ListDocuments { kind, subject: identifier(&id)?, purpose: query.text("purpose"), reason: query.reason()? };
    let (documents, receipt) = api.keeper.list_documents(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "documents": documents }))
}

async fn read(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id, document)): Segments<(String, String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &["purpose"], &["reason", "version"])?;
    let asked = ReadDocument {
        kind,
        subject: identifier(&id)?,
        document: identifier(&document)?,
        version: query.parsed("version", "a version's number")?,
        purpose: query.text("purpose"),
        reason: query.reason()?,
    };
    let (info, content, receipt) = api.keeper.read_document(&call, asked).await?;
    let media_type = HeaderValue::from_str(&info.media_type).unwrap_or(HeaderValue::from_static(UNTYPED));
    let answer = Answer::recorded(&receipt)
        .with(CONTENT_TYPE, Some(media_type))
        .with(CONTENT_LENGTH, Some(info.length.into()))
        .with(CONTENT_DISPOSITION, file_name::attachment(&info.file_name))
        .with(REPR_DIGEST, digest::of(&info.sha256))
        .version(info.version);
    Ok(answer.body(streamed(content, Arc::clone(&api.keeper), call)))
}

/// The content as a body. Its length is announced, so an end before that is seen by the client. The call goes with it: its
/// place among those that are worked on is given back when all has left, or the client has gone.
fn streamed(content: DocumentStream, keeper: Arc<Keeper>, call: Call) -> Body {
    let next = move |(mut content, call): (DocumentStream, Call)| {
        let keeper = Arc::clone(&keeper);
        async move {
            let batch = content.next().await?;
            if let Err(error) = &batch {
                keeper.metrics.cut_off();
                tracing::error!(request = %call.request, %error, "a document was broken off");
            }
            Some((batch.map(Bytes::from), (content, call)))
        }
    };
    Body::from_stream(stream::unfold((content, call), next))
}

async fn restore(
    State(api): State<Api>,
    creator: Creator,
    Segments((kind, id, document, number)): Segments<(String, String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason"])?;
    let asked = RestoreDocument {
        kind,
        subject: identifier(&id)?,
        document: identifier(&document)?,
        version: version(&number)?,
        purpose: query.text("purpose"),
        reason: query.reason()?,
    };
    let call = creator.no_body(&parts, sent, &api.limits).await?;
    let (stored, recorded) = api.keeper.restore_document(&call, asked).await?;
    Answer::kept(&recorded).with(axum::http::header::ETAG, etag::of(stored.version)).json(&stored)
}
