//! Reports over the log, in JSON.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use coffre_core::audit::report::ReportScope;

use super::Api;
use super::answer::Answer;
use super::caller::Caller;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::Routes;
use crate::usecases::AskReport;

const USUAL: usize = 1000;
const MOST: usize = 10_000;
/// Names of applications, and operators, are no longer than this.
const LONGEST_NAME: usize = 64;

pub(super) fn routes() -> Routes {
    Routes::new().get("/v1/audit/report", report)
}

async fn report(State(api): State<Api>, Caller(call): Caller, uri: Uri) -> Result<Response, Problem> {
    let (report, receipt) = api.keeper.report_audit(&call, asked(&uri)?).await?;
    Answer::recorded(&receipt).json(&report)
}

/// What a query asks for.
pub(super) fn asked(uri: &Uri) -> Result<AskReport, Problem> {
    let names = ["from", "to", "operator", "application", "subject", "limit", "reason"];
    let mut query = Parameters::read(uri, &[], &names)?;
    let scope = ReportScope {
        from: query.parsed("from", "a time such as 2026-11-22T15:32:00Z")?,
        to: query.parsed("to", "a time such as 2026-11-22T15:32:00Z")?,
        operator: name(&mut query, "operator")?,
        application: name(&mut query, "application")?,
        subject: query.parsed("subject", "a data subject's identifier")?,
    };
    if let (Some(from), Some(to)) = (scope.from, scope.to)
        && from >= to
    {
        return Err(Problem::malformed("the period ends before it begins: name an earlier from, or a later to"));
    }
    Ok(AskReport { scope, listed: query.limit(USUAL, MOST)?, reason: query.reason()? })
}

fn name(query: &mut Parameters, parameter: &str) -> Result<Option<String>, Problem> {
    let name: Option<String> = query.parsed(parameter, "a name")?;
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > LONGEST_NAME) {
        return Err(Problem::malformed(format!("the query parameter {parameter} is not a name of 1 to 64 characters")));
    }
    Ok(name)
}
