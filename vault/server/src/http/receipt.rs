//! The receipt of a consent, as JSON-LD.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;

use super::Api;
use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use crate::usecases::ReadReceipt;

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/grants/{id}/receipt", read)
}

async fn read(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(id): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["reason"])?;
    let asked = ReadReceipt { grant: identifier(&id)?, reason: query.reason()? };
    let (document, receipt) = api.keeper.read_receipt(&call, asked).await?;
    let json_ld = HeaderValue::from_static("application/ld+json");
    Ok(Answer::recorded(&receipt).with(CONTENT_TYPE, Some(json_ld)).body(document.to_string()))
}
