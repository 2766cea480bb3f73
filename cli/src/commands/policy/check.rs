//! `coffre policy check`: whether a policy folder may go into force: it loads, it is valid, and its decision cases pass.

use std::path::PathBuf;

use clap::Args;
use coffre_policies::{CheckReport, Policies};
use serde_json::json;

use crate::arguments::Global;
use crate::exit::Exit;
use crate::output;

/// The arguments of `coffre policy check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// A folder of decision cases to run; otherwise DIR/tests/decisions, where there is one
    #[arg(long, value_name = "DIR")]
    decisions: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Checks and reports. A case that fails, or a policy that no case exercises, is a failure.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let folder = super::folder(arguments.policies.as_deref(), global)?;
    let policies = super::load(folder.as_deref())?;
    let beside = || folder.map(|folder| folder.join("tests").join("decisions")).filter(|folder| folder.is_dir());
    let cases = arguments.decisions.clone().or_else(beside);
    let report = cases.map(|cases| coffre_policies::check(&policies, &cases)).transpose()?;

    if arguments.json {
        output::json(&as_json(&policies, report.as_ref()))?;
    } else {
        output::line(lines(&policies, report.as_ref()))?;
    }
    let passed = report.is_none_or(|report| report.passed());
    Ok(if passed { Exit::Success } else { Exit::Failure })
}

fn as_json(policies: &Policies, report: Option<&CheckReport>) -> serde_json::Value {
    let cases = report.map(|report| {
        let failed = report.cases.iter().filter(|case| !case.differences.is_empty());
        json!({
            "run": report.cases.len(),
            "failed": failed.map(|case| json!({ "name": case.name, "differences": case.differences })).collect::<Vec<_>>(),
            "unexercised": report.unexercised,
        })
    });
    json!({
        "policy_set": policies.hash().to_string(),
        "record_types": policies.record_types().map(|record_type| record_type.name().to_string()).collect::<Vec<_>>(),
        "purposes": policies.purposes().count(),
        "policies": policies.policies().count(),
        "decisions": cases,
    })
}

fn lines(policies: &Policies, report: Option<&CheckReport>) -> String {
    let mut lines = vec![
        format!("policy set  {}", policies.hash()),
        format!(
            "valid       {} record types, {} purposes, {} policies",
            policies.record_types().count(),
            policies.purposes().count(),
            policies.policies().count()
        ),
    ];
    let Some(report) = report else {
        lines.push("decisions   no cases were run".to_owned());
        return lines.join("\n");
    };
    let failed: Vec<_> = report.cases.iter().filter(|case| !case.differences.is_empty()).collect();
    lines.push(format!("decisions   {} cases, {} failed", report.cases.len(), failed.len()));
    for case in failed {
        lines.push(format!("  {}", case.name));
        lines.extend(case.differences.iter().map(|difference| format!("    {difference}")));
    }
    lines.extend(report.unexercised.iter().map(|id| format!("  no case exercises {id}: add one that it decides")));
    lines.join("\n")
}
