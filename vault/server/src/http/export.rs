//! Exports for the person whom the data are about. A POST, since it may answer a request; a passphrase is in the body,
//! because URLs end up in logs.

use std::str::FromStr;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::printed;
use crate::usecases::{Archive, ExportAccess, ExportPortable, Lock};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/export/access", access)
        .post("/v1/records/{type}/{id}/export/portable", portable)
}

/// In which form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Html,
}

impl FromStr for Form {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "html" => Ok(Self::Html),
            _ => Err(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockBody {
    #[serde(default)]
    recipient: Option<String>,
    #[serde(default)]
    passphrase: Option<String>,
}

async fn access(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query =
        Parameters::read(&parts.uri, &["purpose", "reason"], &["content", "format", "language", "request"])?;
    let form = query.parsed("format", "json or html")?.unwrap_or(Form::Json);
    let language = query.parsed("language", "fr or en")?.unwrap_or(printed::Language::French);
    let content = query.parsed("content", "true or false")?.unwrap_or(true);
    let (subject, reason, request) = (identifier(&id)?, Some(query.required_reason()?), query.request()?);
    if !content && request.is_some() {
        return Err(Problem::malformed("an export without content answers no request: leave request out"));
    }
    body::none(&parts.headers, sent, &api.limits).await?;
    let asked = ExportAccess { kind, subject, purpose: query.text("purpose"), reason, request, content };
    let (export, receipt) = api.keeper.export_access(&call, asked).await?;
    let answer = Answer::recorded(&receipt);
    match form {
        Form::Json => answer.json(&export),
        Form::Html => Ok(super::requests::page(answer, printed::access(&export, language))),
    }
}

async fn portable(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose", "reason"], &["request"])?;
    let (subject, reason, request) = (identifier(&id)?, Some(query.required_reason()?), query.request()?);
    let LockBody { recipient, passphrase } =
        body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let lock = Lock::of(recipient.as_deref(), passphrase).map_err(Problem::malformed)?;
    let asked = ExportPortable { kind, subject, purpose: query.text("purpose"), reason, request, lock };
    let (archive, receipt) = api.keeper.export_portable(&call, asked).await?;
    let keeper = std::sync::Arc::clone(&api.keeper);
    let request = call.request;
    let next = move |mut archive: Archive| {
        let keeper = std::sync::Arc::clone(&keeper);
        async move {
            let batch = archive.next().await?;
            if let Err(error) = &batch {
                keeper.metrics.cut_off();
                tracing::error!(%request, %error, "an export was broken off");
            }
            Some((batch.map(Bytes::from), archive))
        }
    };
    let name = HeaderValue::from_static("attachment; filename=\"export.tar.age\"");
    let answer = Answer::recorded(&receipt)
        .with(CONTENT_TYPE, Some(HeaderValue::from_static("application/octet-stream")))
        .with(CONTENT_DISPOSITION, Some(name));
    Ok(answer.body(Body::from_stream(stream::unfold(archive, next))))
}
