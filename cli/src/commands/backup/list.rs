//! `coffre backup list`: the restore points that a place holds.

use std::path::PathBuf;

use clap::Args;
use coffre_backup::list::{Listed, Point, list};
use serde_json::{Value, json};

use super::setting::{ResticArgument, Setting};
use super::visit::Looking;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{figures, output};

/// The arguments of `coffre backup list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The places, by their names in the configuration (spool and restic among them); otherwise all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    restic: ResticArgument,
    /// Where files of a restic snapshot are fetched to for a moment; otherwise the system's temporary folder
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Lists. A place that cannot be read decides the exit code, after all others were listed.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let setting = Setting::read(global, &arguments.restic)?;
    let mut watch = Watch::new();
    let looking = Looking { scratch: arguments.scratch.as_deref(), check: None };
    let visited = setting
        .visit(&arguments.names, looking, &mut watch, |_, sources, watch| Ok(list(sources, &setting.pinned, watch)?))?;
    drop(watch);
    if arguments.json {
        let places: Vec<Value> = visited.done.iter().map(|(name, listed)| as_json(name, listed)).collect();
        output::json(&json!({ "places": places, "unread": visited.failures_as_json() }))?;
    } else {
        for (name, listed) in &visited.done {
            print(name, listed)?;
        }
    }
    visited.conclude(Exit::Success)
}

fn as_json(name: &str, listed: &Listed) -> Value {
    let point = |point: &Point| {
        json!({
            "generation": point.generation,
            "number": point.number.get(),
            "time": point.time,
            "bytes": point.bytes,
            "documents": point.documents,
            "document_bytes": point.document_bytes,
            "complete": point.complete,
            "newest": point.newest,
        })
    };
    json!({
        "name": name,
        "points": listed.points.iter().map(point).collect::<Vec<_>>(),
        "faults": listed.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn print(name: &str, listed: &Listed) -> anyhow::Result<()> {
    output::line(format!("{name}: {} points", listed.points.len()))?;
    let row = |point: &Point| {
        let state = match (point.complete, point.newest) {
            (false, _) => "INCOMPLETE",
            (true, true) => "newest",
            (true, false) => "",
        };
        [
            format!("{}/{}", point.generation, point.number.get()),
            figures::moment(point.time),
            figures::bytes(point.bytes),
            format!("{} ({})", point.documents, figures::bytes(point.document_bytes)),
            state.to_owned(),
        ]
    };
    let rows: Vec<_> = listed.points.iter().map(row).collect();
    if !rows.is_empty() {
        output::table(["POINT", "CAPTURED", "DATABASES", "DOCUMENTS", ""], &rows)?;
    }
    listed.faults.iter().try_for_each(|fault| output::line(format!("FAULT  {fault}")))?;
    Ok(output::line("")?)
}
