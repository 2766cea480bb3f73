//! `coffre import`: a legacy database into the vault. The import runs where the vault is open: in the server, or in this
//! process; this verb names the files, shows how far it is, and tells in French or English what came of it.

mod report;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_store::clock::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

use self::report::{Outcome, Report};
use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::place::{Place, VaultArgument, absolute_text, must_be_there};
use crate::progress::{Bar, Unit};

/// The arguments of `coffre import`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, independent of the others")]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// The legacy database, on the vault's host
    #[arg(long, value_name = "FILE", required_unless_present = "pseudonymised", requires = "mapping")]
    from: Option<PathBuf>,
    /// Which column becomes which field
    #[arg(long, value_name = "FILE", requires = "from")]
    mapping: Option<PathBuf>,
    /// Load test data instead, which `coffre export --pseudonymised` made, into a new vault that is not of production
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "grants", "dry_run", "apply_changes", "rejects", "reject_recipient"])]
    pseudonymised: Option<PathBuf>,
    /// The grants to give on what is imported; without it an import opens nothing to anybody
    #[arg(long, value_name = "FILE")]
    grants: Option<PathBuf>,
    /// Tell what would be brought, as if the vault were empty, and bring nothing
    #[arg(long)]
    dry_run: bool,
    /// Take over what changed in the source since the last import; otherwise it is only reported
    #[arg(long)]
    apply_changes: bool,
    /// Where rows that cannot be imported are written, encrypted; otherwise a new file beside the legacy database
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Who can read the rejects: an age recipient; otherwise the vault's recovery recipient
    #[arg(long, value_name = "age1…")]
    reject_recipient: Option<String>,
    /// End well even if rows were rejected
    #[arg(long)]
    allow_rejects: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Imports and reports. Rejects are an exit code of their own, unless they are allowed.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let path = if arguments.pseudonymised.is_some() { "/v1/import/pseudonymised" } else { "/v1/import" };
    let request = request(arguments)?;
    let place = Place::find(&arguments.vault, global)?;
    let control = Control::of(&place)?;
    let told = follow(&control, path, &request)?;
    if arguments.pseudonymised.is_some() {
        return loaded(arguments, told);
    }
    let report: Report =
        Report::deserialize(&told).context("the report is not understood; use one version of coffre")?;
    if arguments.json {
        output::json(&told)?;
    } else {
        output::line(report.text(Language::of_environment()))?;
    }
    let outcome = report.outcome();
    if !matches!(outcome, Outcome::NotReconciled) {
        report.reject_file().map_or(Ok(()), must_be_there)?;
    }
    match outcome {
        Outcome::NotReconciled => Err(Complaint::new(
            Exit::Failure,
            "what the vault gives back is not what was to be brought",
            "keep the legacy database, restore the last backup, and report this",
        )
        .into()),
        Outcome::Rejects if !arguments.allow_rejects => Ok(Exit::Rejects),
        Outcome::Rejects | Outcome::Complete => Ok(Exit::Success),
    }
}

/// Test data are brought whole or not at all: there is nothing to reject.
fn loaded(arguments: &Arguments, told: Value) -> anyhow::Result<Exit> {
    #[derive(Deserialize)]
    struct Loaded {
        record_type: String,
        records: u64,
        documents: u64,
        grants: u64,
    }
    if arguments.json {
        output::json(&told)?;
        return Ok(Exit::Success);
    }
    let Loaded { record_type, records, documents, grants } =
        serde_json::from_value(told).context("the report is not understood; use one version of coffre")?;
    output::line(format!(
        "loaded   {records} records ({record_type}), {documents} documents, {grants} grants, about nobody"
    ))?;
    Ok(Exit::Success)
}

fn request(arguments: &Arguments) -> anyhow::Result<Value> {
    if let Some(set) = &arguments.pseudonymised {
        return Ok(json!({ "from": absolute_text(set)? }));
    }
    // The command line has both of them, or a set.
    let (from, mapping) = arguments.from.as_deref().zip(arguments.mapping.as_deref()).context("no legacy database")?;
    let rejects = arguments.rejects.clone().unwrap_or_else(|| beside(from));
    Ok(json!({
        "from": absolute_text(from)?,
        "mapping": named_text(mapping)?,
        "grants": arguments.grants.as_deref().map(named_text).transpose()?,
        "dry_run": arguments.dry_run,
        "apply_changes": arguments.apply_changes,
        "rejects": absolute_text(&rejects)?,
        "reject_recipient": arguments.reject_recipient,
    }))
}

fn named_text(file: &Path) -> anyhow::Result<Value> {
    let unreadable =
        || Complaint::usage(format!("cannot read {}", file.display()), "check the path and that it is UTF-8 text");
    let text = fs::read_to_string(file).with_context(unreadable)?;
    Ok(json!({ "name": file.display().to_string(), "text": text }))
}

/// `legacy.sqlite` → `legacy.sqlite.rejects-2026-11-22T153200Z.age`: a name of its own for each run, as no file is replaced.
fn beside(from: &Path) -> PathBuf {
    let now: String =
        SystemClock.now().to_string().chars().filter(|c| *c != ':').take("2026-11-22T153200".len()).collect();
    let named = |run: u32| {
        let mut name = from.as_os_str().to_owned();
        name.push(if run == 1 { format!(".rejects-{now}Z.age") } else { format!(".rejects-{now}Z-{run}.age") });
        PathBuf::from(name)
    };
    // Two runs can fall into one second.
    let mut run = 1;
    while named(run).exists() {
        run += 1;
    }
    named(run)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Told {
    Progress { done: u64, total: u64 },
    Report(Value),
    Fault { message: String, causes: Vec<String>, unsuitable: bool, may_pass: bool },
}

/// The report as it is told last; showing how far it is until then.
fn follow(control: &Control, path: &str, request: &Value) -> anyhow::Result<Value> {
    let bar = Bar::new();
    let mut last = None;
    control.follow(path, request, |line| match Told::deserialize(&line) {
        Ok(Told::Progress { done, total }) => bar.show("importing", Unit::Things, done, total),
        Ok(told) => last = Some(told),
        Err(_) => {}
    })?;
    match last {
        Some(Told::Report(report)) => Ok(report),
        Some(Told::Fault { message, causes, unsuitable, may_pass }) => {
            let exit = match (unsuitable, may_pass) {
                (true, _) => Exit::Usage,
                (false, true) => Exit::Temporary,
                (false, false) => Exit::Failure,
            };
            Err(Complaint::told(exit, message, causes).into())
        }
        Some(Told::Progress { .. }) | None => Err(Complaint::new(
            Exit::Failure,
            "the import broke off without a report",
            "look at the server's log, then run it again: what was brought stays",
        )
        .into()),
    }
}
