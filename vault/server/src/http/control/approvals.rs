//! Officers: enrolled once. What they have signed: handed in, and how it stands.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use coffre_core::approval::{Officer, Officers, Subject};
use coffre_store::{Application, ApprovedPolicies};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::answer::Answer;
use crate::http::parameters::Parameters;
use crate::http::peer::Account;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::{Api, body};

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/officers", enrol).get("/v1/approvals", stand).post("/v1/approvals", hand_in)
}

#[derive(Serialize)]
struct OfficersView {
    serial: u64,
    officers: Vec<OfficerView>,
}

#[derive(Serialize)]
struct OfficerView {
    role: &'static str,
    name: String,
    key_id: String,
    key: String,
}

impl From<&Officers> for OfficersView {
    fn from(officers: &Officers) -> Self {
        let view = |officer: &Officer| OfficerView {
            role: officer.role().as_str(),
            name: officer.name().to_owned(),
            key_id: officer.key().id().to_string(),
            key: officer.to_string(),
        };
        Self { serial: officers.serial(), officers: officers.iter().map(view).collect() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolBody {
    officers: Vec<String>,
}

async fn enrol(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let EnrolBody { officers } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let (officers, receipt) = api.keeper.enrol_officers(call, &officers).await?;
    Answer::recorded(&receipt).with_status(StatusCode::CREATED).json(&OfficersView::from(&officers))
}

async fn stand(State(api): State<Api>, Account(_): Account, uri: Uri) -> Result<Response, Problem> {
    Parameters::none(&uri)?;
    let standing = api.keeper.approvals().await?;
    let set = |set: &ApprovedPolicies| json!(set);
    let waiting = |Application { id, name, role, san_uri, .. }: &Application| json!({ "id": id, "name": name, "role": role, "san_uri": san_uri });
    Answer::new(StatusCode::OK).json(&json!({
        "vault": standing.scope.vault,
        "environment": standing.scope.environment,
        "officers": standing.officers.as_ref().map(OfficersView::from),
        "policies": {
            "loaded": standing.loaded,
            "approved": standing.approved.as_ref().map(set),
            "in_force": standing.in_force.as_ref().map(set),
        },
        "applications_waiting": standing.waiting.iter().map(waiting).collect::<Vec<_>>(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandInBody {
    note: String,
}

async fn hand_in(State(api): State<Api>, Account(call): Account, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let HandInBody { note } = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let (approval, receipt) = api.keeper.hand_in_approval(call, note).await?;
    let signers: Vec<String> = approval.signers.iter().map(Officer::known_as).collect();
    let kind = match &approval.statement.subject {
        Subject::Policies(_) => "policies",
        Subject::Application(_) => "application",
        Subject::Officers(_) => "officers",
    };
    let statement = approval.statement.to_string();
    Answer::recorded(&receipt).json(&json!({ "approved": kind, "statement": statement, "signed_by": signers }))
}
