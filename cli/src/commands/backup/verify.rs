//! `coffre backup verify`: whether what is stored is what was signed, and whether restic finds its repository sound.

use std::path::PathBuf;

use clap::Args;
use coffre_backup::restic::ReadData;
use coffre_backup::state::{State, Target};
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_backup::{Ending, Ends};
use serde_json::{Value, json};

use super::setting::{ResticArgument, Setting};
use super::visit::Looking;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{figures, output};

/// The arguments of `coffre backup verify`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The places, by their names in the configuration (spool and restic among them); otherwise all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Manifests, lists, names and sizes only, instead of every byte
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    restic: ResticArgument,
    /// Where files of a restic snapshot are fetched to for a moment; otherwise the system's temporary folder
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// The job that it is; none where somebody looks at some places only.
    pub(super) fn job(&self) -> Option<&'static str> {
        self.names.is_empty().then_some(if self.quick { "verify-quick" } else { "verify" })
    }
}

/// Verifies. The most urgent finding decides the exit code.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let setting = Setting::read(global, &arguments.restic)?;
    let state = State::load(&setting.state)?;
    let depth = if arguments.quick { Depth::Listed } else { Depth::Whole };
    let read_data = if arguments.quick { ReadData::No } else { ReadData::All };
    let mut watch = Watch::new();
    let looking = Looking { scratch: arguments.scratch.as_deref(), check: Some(read_data) };
    let visited = setting.visit(&arguments.names, looking, &mut watch, |name, sources, watch| {
        let known = state.targets.get(name).map(Target::known).unwrap_or_default();
        Ok(verify(sources, &setting.pinned, &known, depth, watch)?)
    })?;
    drop(watch);
    if arguments.json {
        let places: Vec<Value> = visited.done.iter().map(|(name, verified)| as_json(name, verified)).collect();
        output::json(&json!({ "places": places, "unread": visited.failures_as_json() }))?;
    } else {
        visited.done.iter().try_for_each(|(name, verified)| output::line(lines(name, verified)))?;
    }
    let ending = visited.done.iter().map(|(_, verified)| ending(verified)).fold(Ending::Success, Ending::max);
    visited.conclude(ending.into())
}

/// A place that holds no backup has no fault, and is none all the same.
fn ending(verified: &Verified) -> Ending {
    let restorable = if verified.restorable_to.is_some() { Ending::Success } else { Ending::ObjectiveMissed };
    verified.faults.iter().map(Ends::ending).fold(restorable, Ending::max)
}

fn as_json(name: &str, verified: &Verified) -> Value {
    json!({
        "name": name,
        "sound": verified.faults.is_empty(),
        "consistent": verified.is_consistent(),
        "complete": verified.is_complete(),
        "points": verified.points,
        "segments": verified.segments,
        "restorable_to": verified.restorable_to,
        "keyring": if verified.keyring_elsewhere { "elsewhere" } else { "here" },
        "objects": verified.objects,
        "bytes": verified.bytes,
        "newest": verified.newest_point.map(|(generation, number, time)| {
            json!({ "generation": generation, "number": number.get(), "time": time })
        }),
        "faults": verified.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "notices": verified.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn lines(name: &str, verified: &Verified) -> String {
    let state = if ending(verified) == Ending::Success { "sound " } else { "FAULTY" };
    let Verified { points, segments, objects, .. } = verified;
    let read = figures::bytes(verified.bytes);
    let mut lines =
        vec![format!("{state}  {name}: {points} points, {segments} segments, {objects} objects, {read} read")];
    lines.push(format!("        {}", words(verified)));
    if let Some((generation, number, time)) = verified.newest_point {
        lines.push(format!("        newest {generation}/{} of {}", number.get(), figures::moment(time)));
    }
    // They name objects, and whoever keeps a place can put some there of any name.
    let told = |what: &str, text: String| format!("        {what} {}", output::on_one_line(&text));
    lines.extend(verified.faults.iter().map(|fault| told("FAULT", fault.to_string())));
    lines.extend(verified.notices.iter().map(|notice| told("note ", notice.to_string())));
    lines.join("\n")
}

/// The three words of a place, as the run book defines them.
fn words(verified: &Verified) -> String {
    let consistent = if verified.is_consistent() { "consistent" } else { "NOT CONSISTENT" };
    let complete = if verified.is_complete() { "complete" } else { "NOT COMPLETE" };
    let restorable = match verified.restorable_to {
        Some(moment) if verified.keyring_elsewhere => {
            format!("restorable to {} with a destination's keyring", figures::moment(moment))
        }
        Some(moment) => format!("restorable to {}", figures::moment(moment)),
        None => "NOT RESTORABLE: there is no point of which everything is here and sound".to_owned(),
    };
    format!("{consistent}, {complete}, {restorable}")
}
