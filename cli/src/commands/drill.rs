//! `coffre drill`: asks the vault's process to restore a backup from where it is kept, to open and check it, and tells
//! what came of it. The vault's own account may ask, and so may the backup account: it gets numbers and no content.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use coffre_core::drill::{DrillResult, Phase};
use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::complaint::Complaint;
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::place::{Place, VaultArgument};
use crate::{figures, output};

/// The arguments of `coffre drill`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    hold: Hold,
}

#[derive(Debug, Args)]
struct Hold {
    #[command(flatten)]
    vault: VaultArgument,
    /// The destination; otherwise the one whose last drill is longest ago
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell the last drills; the exit code says whether the last one passed and is recent enough
    Status(Status),
}

#[derive(Debug, Args)]
struct Status {
    #[command(flatten)]
    vault: VaultArgument,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// What the server answers when a drill has ended.
#[derive(Debug, Deserialize, Serialize)]
struct Held {
    drill: DrillResult,
    note: String,
}

/// The drills that a vault remembers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct History {
    /// Oldest first.
    pub(crate) drills: Vec<DrillResult>,
    /// How long ago the last one that passed may be; absent where none are held.
    pub(crate) objective_seconds: Option<u64>,
    /// Whether it is longer ago than that.
    pub(crate) overdue: bool,
}

/// How many drills are told.
const TOLD: usize = 10;

impl Arguments {
    /// The job that it is; none where drills are only told.
    pub(crate) fn job(&self) -> Option<&'static str> {
        self.verb.is_none().then_some("drill")
    }
}

/// Runs the verb.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    match &arguments.verb {
        None => hold(&arguments.hold, global),
        Some(Verb::Status(verb)) => status(verb, global),
    }
}

fn hold(arguments: &Hold, global: &Global) -> anyhow::Result<Exit> {
    let socket = socket(&arguments.vault, global)?;
    let interrupt = Interrupt::listen();
    let from = json!({ "from": arguments.from });
    let held: Held = client::ask_for_long(&socket, "/v1/drills", Some(&from), &|| interrupt.asked())?;
    if arguments.json {
        output::json(&json!({ "exit_code": ending(&held.drill).code(), "drill": held.drill, "note": held.note }))?;
    } else {
        output::line(lines(&held.drill))?;
    }
    Ok(ending(&held.drill))
}

fn status(arguments: &Status, global: &Global) -> anyhow::Result<Exit> {
    let history: History = client::ask(&socket(&arguments.vault, global)?, Method::GET, "/v1/drills")?;
    let exit = history.ending();
    if arguments.json {
        let History { drills, objective_seconds, overdue } = &history;
        let told = json!({
            "exit_code": exit.code(), "drills": drills, "objective_seconds": objective_seconds, "overdue": overdue,
        });
        output::json(&told)?;
    } else {
        history.drills.iter().rev().take(TOLD).rev().try_for_each(|drill| output::line(summary(drill)))?;
        if history.overdue {
            output::line("OVERDUE  no drill has passed for too long: run `coffre drill`")?;
        }
    }
    Ok(exit)
}

impl History {
    /// The last one's failure decides, then whether it is recent enough.
    pub(crate) fn ending(&self) -> Exit {
        match self.drills.last().map(ending) {
            Some(exit) if exit != Exit::Success => exit,
            _ if self.overdue => Exit::ObjectiveMissed,
            _ => Exit::Success,
        }
    }
}

/// How a run ends by a drill: as a restore would have ended.
fn ending(drill: &DrillResult) -> Exit {
    match &drill.failure {
        Some(failure) => Exit::of_code(failure.code),
        None if drill.passed() => Exit::Success,
        None => Exit::Failure,
    }
}

/// The control socket where this account may use it, the backup socket otherwise.
fn socket(vault: &VaultArgument, global: &Global) -> anyhow::Result<PathBuf> {
    let file = configuration::locate(global.config.as_deref(), vault.vault.as_deref())?;
    let configuration = Configuration::load(&file)?;
    let known = configuration.server.backup_socket.is_some() || configuration.server.control_socket.is_some();
    let directory = vault.vault.clone().or_else(|| configuration.vault.clone());
    if directory.is_none() && !known {
        let remedy = "set `vault`, or `backup_socket` in [server]";
        return Err(Complaint::usage("the configuration names no vault that could be asked", remedy).into());
    }
    let directory = std::path::absolute(directory.unwrap_or_default())?;
    let place = Place { directory, configuration: Some(configuration) };
    let control = place.control_socket();
    Ok(if UnixStream::connect(&control).is_ok() { control } else { place.backup_socket() })
}

fn summary(drill: &DrillResult) -> String {
    let DrillResult { number, destination, .. } = drill;
    let (ended, took) = (figures::moment(drill.ended), seconds(drill.milliseconds.total()));
    match &drill.failure {
        None => format!("passed  {number}  {ended}  {destination}: in {took}"),
        Some(failure) => {
            let (phase, cause) = (failure.phase.name(), &failure.cause);
            format!("FAILED  {number}  {ended}  {destination}: {phase}: {cause}")
        }
    }
}

fn lines(drill: &DrillResult) -> String {
    let mut lines = vec![summary(drill)];
    if let Some(fetched) = &drill.fetched {
        let age = (drill.started.as_seconds() - fetched.captured.as_seconds()).max(0);
        let (captured, bytes) = (figures::moment(fetched.captured), figures::bytes(fetched.bytes));
        lines.push(format!("state        {captured}, {} old when the drill began", figures::age(age)));
        lines.push(format!("restored     {} files, {bytes}, after base {}", fetched.files, fetched.base));
    }
    if let Some(opened) = &drill.opened {
        lines.push(format!("log          {} entries, which the running log goes on from", opened.entries));
        lines.push(format!("as logged    {} values, {} documents", opened.values, opened.documents));
        let (index, of) = (drill.slice.index + 1, drill.slice.of);
        let (records, documents) = (opened.slice_records, opened.slice_documents);
        let bytes = figures::bytes(opened.slice_document_bytes);
        lines.push(format!("decrypted    {records} records, {documents} documents, {bytes} (part {index} of {of})"));
    }
    let phases = Phase::ALL.map(|phase| format!("{} {}", phase.name(), seconds(drill.milliseconds.of(phase))));
    lines.push(format!("time         {}", phases.join(", ")));
    lines.join("\n")
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}
