//! `coffre retention`: what the rules in `retention.toml` say is past its time, and applying them. Meant for a daily job.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre retention`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what would be set apart, removed or erased, and why; changes nothing
    Plan {
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Set apart, erase and prune what is past its time; legal holds, restrictions and waiting requests win
    Run {
        #[command(flatten)]
        vault: VaultArgument,
        /// Print one JSON object instead of a sentence
        #[arg(long)]
        json: bool,
    },
}

#[derive(Deserialize, Serialize)]
struct Plan {
    records: u64,
    counts: BTreeMap<String, u64>,
    steps: Vec<Step>,
    /// Not told by a server of before an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requests: Option<Requests>,
    log: Log,
}

#[derive(Deserialize, Serialize)]
struct Requests {
    keep: String,
    source: BTreeMap<String, String>,
    past: u64,
}

#[derive(Deserialize, Serialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    category: String,
    act: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    source: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept_by: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Log {
    keep: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    justification: Option<BTreeMap<String, String>>,
    past: u64,
    prune: u64,
    minimum_index: u64,
}

#[derive(Deserialize, Serialize)]
struct Run {
    records: u64,
    archived: u64,
    brought_back: u64,
    removed: u64,
    erased: u64,
    on_hold: u64,
    /// Not counted by a server of before an update.
    #[serde(default)]
    restricted: u64,
    with_request: u64,
    #[serde(default)]
    requests_removed: u64,
    pruned: u64,
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        Verb::Plan { vault, json } => plan(&Control::of(&Place::find(vault, global)?)?, *json)?,
        Verb::Run { vault, json } => apply(&Control::of(&Place::find(vault, global)?)?, *json)?,
    }
    Ok(Exit::Success)
}

fn plan(control: &Control, json: bool) -> anyhow::Result<()> {
    let plan: Plan = control.get("/v1/retention/plan")?.json()?;
    if json {
        return output::json(&plan);
    }
    let language = Language::of_environment();
    let row = |step: &Step| {
        let source = step.source.get(language.pick("fr", "en")).cloned().unwrap_or_default();
        let why = match &step.kept_by {
            Some(obstacle) => format!("{source} ({obstacle})"),
            None => source,
        };
        [step.kind.clone(), step.id.clone(), step.category.clone(), step.act.clone(), why]
    };
    if !plan.steps.is_empty() {
        let rows: Vec<_> = plan.steps.iter().map(row).collect();
        output::table(["TYPE", "RECORD", "CATEGORY", "ACT", "WHY"], &rows)?;
    }
    let all: u64 = plan.counts.values().sum();
    let listed = plan.steps.len() as u64;
    if all > listed {
        output::note(&format!("{} more steps are not listed", all - listed))?;
    }
    let counts: Vec<String> = plan.counts.iter().map(|(act, count)| format!("{act} {count}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    output::line(format!("{} records: {counts}", plan.records))?;
    if let Some(Requests { keep, past, .. }) = plan.requests.as_ref().filter(|requests| requests.past > 0) {
        output::line(format!("requests: {past} were answered longer than {keep} ago and are removed"))?;
    }
    if plan.log.past > 0 {
        let Log { keep, past, prune, .. } = &plan.log;
        output::line(format!(
            "audit log: {past} entries are older than {keep}; {prune} of them are pruned, the others once their bundle of 256 is"
        ))?;
    }
    Ok(())
}

fn apply(control: &Control, json: bool) -> anyhow::Result<()> {
    let run: Run = control.post("/v1/retention/run", None)?.json()?;
    if json {
        return output::json(&run);
    }
    let Run { records, archived, brought_back, removed, erased, .. } = run;
    let Run { on_hold, restricted, with_request, requests_removed, pruned, .. } = run;
    output::line(format!(
        "{records} records: {erased} erased; categories: {archived} set apart, {brought_back} brought back, {removed} removed"
    ))?;
    if requests_removed > 0 {
        output::line(format!("requests: {requests_removed} removed that were answered long ago"))?;
    }
    if pruned > 0 {
        output::line(format!("audit log: {pruned} entries pruned; their hashes stay, and the rest proves itself"))?;
    }
    if on_hold + restricted + with_request > 0 {
        output::note(&format!(
            "past their time and kept: {on_hold} by a legal hold, {restricted} by a restriction of processing, \
             {with_request} by a request that waits for an answer"
        ))?;
    }
    Ok(())
}
