//! `coffre policy test`: runs the decision cases of a policy folder and shows what is decided otherwise than expected.
//! Whether the folder is valid at all is for `coffre policy check`.

use std::path::PathBuf;

use clap::Args;
use coffre_policies::{CaseOutcome, CheckReport, Question};
use serde_json::json;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::output;

/// The arguments of `coffre policy test`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// The folder of decision cases; otherwise DIR/tests/decisions
    #[arg(long, value_name = "DIR")]
    decisions: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Runs every case. One that fails, or a policy that no case exercises, is a failure.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let folder = super::folder(arguments.policies.as_deref(), global)?;
    let policies = super::load(folder.as_deref())?;
    let beside = || folder.map(|folder| folder.join("tests").join("decisions"));
    let Some(cases) = arguments.decisions.clone().or_else(beside) else {
        let cause = "the policies that the binary was built with come without their cases";
        return Err(Complaint::usage(cause, "name a policy folder, or its cases with --decisions DIR").into());
    };
    let report = coffre_policies::check(&policies, &cases)?;
    if arguments.json {
        output::json(&as_json(&report))?;
    } else {
        output::line(lines(&report))?;
    }
    Ok(if report.passed() { Exit::Success } else { Exit::Failure })
}

fn failed(report: &CheckReport) -> impl Iterator<Item = &CaseOutcome> {
    report.cases.iter().filter(|case| !case.differences.is_empty())
}

fn as_json(report: &CheckReport) -> serde_json::Value {
    let failed = failed(report)
        .map(|case| json!({ "name": case.name, "question": case.question, "differences": case.differences }));
    json!({
        "run": report.cases.len(),
        "failed": failed.collect::<Vec<_>>(),
        "unexercised": report.unexercised,
    })
}

fn lines(report: &CheckReport) -> String {
    let mut lines = Vec::new();
    for case in failed(report) {
        lines.push(format!("FAILED  {}", case.name));
        lines.push(format!("        {}", asked(&case.question)));
        lines.extend(case.differences.iter().map(|difference| format!("        {difference}")));
    }
    if failed(report).next().is_some() {
        lines.push("        (- was expected, + was decided)".to_owned());
    }
    lines
        .extend(report.unexercised.iter().map(|id| format!("UNUSED  no case exercises {id}: add one that it decides")));
    lines.push(format!("{} cases, {} failed", report.cases.len(), failed(report).count()));
    lines.join("\n")
}

/// The question in one line.
fn asked(question: &Question) -> String {
    let mut text = format!("{} {}", question.role, question.action);
    let mut add = |part: String| {
        text.push(' ');
        text.push_str(&part);
    };
    if let Some(record_type) = &question.record_type {
        add(record_type.to_string());
    }
    if !question.fields.is_empty() {
        add(question.fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    if let Some(purpose) = &question.purpose {
        add(format!("for {purpose}"));
    }
    if let Some(grant) = &question.grant {
        add(format!("with a grant to {} for {}", grant.role, grant.purpose));
    }
    text
}
