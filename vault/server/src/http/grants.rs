//! Grants on a record.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use coffre_core::grant::{Basis, Evidence, GrantTerms};
use coffre_core::record::{Category, FieldPath};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::creator::Creator;
use super::parameters::Parameters;
use super::path::{Segments, identifier};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::{GiveGrant, ListGrants, WithdrawGrant};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/records/{type}/{id}/grants", give)
        .get("/v1/records/{type}/{id}/grants", list)
        .post("/v1/grants/{id}/withdraw", withdraw)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    role: Role,
    purpose: String,
    /// Fields, whole categories, or both.
    #[serde(default)]
    fields: BTreeSet<FieldPath>,
    #[serde(default)]
    categories: BTreeSet<Category>,
    basis: Basis,
    #[serde(default)]
    article9: Option<String>,
    /// Now, unless it is said.
    #[serde(default)]
    valid_from: Option<Timestamp>,
    #[serde(default)]
    valid_until: Option<Timestamp>,
    #[serde(default)]
    evidence: Option<EvidenceBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceBody {
    document: coffre_core::ids::DocumentId,
    sha256: String,
}

async fn give(
    State(api): State<Api>,
    creator: Creator,
    Segments((kind, id)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["reason"])?;
    let subject = identifier(&id)?;
    let (given, call) = creator.json::<GrantBody>(&parts, sent, &api.limits).await?;
    let terms = GrantTerms {
        role: given.role,
        purpose: given.purpose,
        fields: given.fields,
        basis: given.basis,
        article9: given.article9,
        valid_from: given.valid_from.unwrap_or_else(|| api.keeper.now()),
        valid_until: given.valid_until,
        evidence: given.evidence.map(|EvidenceBody { document, sha256 }| Evidence { document, sha256 }),
    };
    let asked = GiveGrant { kind, subject, terms, categories: given.categories, reason: query.reason()? };
    let (grant, recorded) = api.keeper.give_grant(&call, asked).await?;
    Answer::created(&recorded).json(&grant)
}

async fn list(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments((kind, id)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Parameters::read(&uri, &[], &["reason"])?;
    let asked = ListGrants { kind, subject: identifier(&id)?, reason: query.reason()? };
    let ((grants, objections), receipt) = api.keeper.list_grants(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "grants": grants, "objections": objections }))
}

async fn withdraw(
    State(api): State<Api>,
    Caller(call): Caller,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &[], &["reason"])?;
    let asked = WithdrawGrant { grant: identifier(&id)?, reason: query.reason()? };
    body::none(&parts.headers, sent, &api.limits).await?;
    let (grant, receipt) = api.keeper.withdraw_grant(&call, asked).await?;
    Answer::recorded(&receipt).json(&grant)
}
