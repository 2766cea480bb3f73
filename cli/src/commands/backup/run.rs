//! `coffre backup run`: one run, as a scheduler starts it. Each target's failure is its own.

use clap::Args;
use coffre_backup::run::{self, Answer, Report, TargetReport};
use coffre_backup::ship::Compare;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::capture::BySocket;
use super::confirmed::{self, Count};
use super::copies;
use super::setting::{RESTIC, ResticArgument, Setting};
use crate::arguments::Global;
use crate::client::ClientError;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{complaint, figures, output};

/// The arguments of `coffre backup run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Arguments {
    #[command(flatten)]
    restic: ResticArgument,
    /// Create the restic repository if it is not there yet
    #[arg(long)]
    init: bool,
    /// Take a base backup also where commits are captured continuously and the last one is recent
    #[arg(long)]
    base: bool,
    /// The spool was lost and is empty: go on with a base backup where nothing ever was. Never for a copy of a vault
    #[arg(long, requires = "base")]
    spool_lost: bool,
    /// Compare what the destinations hold by hash, and copy again what is missing
    #[arg(long)]
    compare: bool,
    /// A target that is new or emptied on purpose: what is remembered of it is forgotten
    #[arg(long, value_name = "NAME")]
    renewed: Vec<String>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// The job that it is.
    pub(super) const fn job(&self) -> &'static str {
        if self.base { "base" } else { "run" }
    }
}

/// Runs and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let setting = Setting::read(global, &arguments.restic)?;
    // A repository that cannot be opened keeps nobody from the destinations.
    let (repository, closed) = match setting.repository() {
        Err(closed) if !setting.destinations.is_empty() => (None, Some(closed)),
        opened => (opened?, None),
    };
    let mut job = setting.job(repository.as_ref());
    job.init = arguments.init;
    job.compare = if arguments.compare { Compare::Hashes } else { Compare::Sizes };
    job.renewed.clone_from(&arguments.renewed);
    let mut capture =
        BySocket { socket: setting.backup_socket.clone(), base: arguments.base, spool_lost: arguments.spool_lost };
    let mut watch = Watch::new();
    tell_copies(&setting, &mut watch)?;
    let report = run::run(&job, &mut capture, &|| SystemClock.now(), &mut watch)?;
    drop(watch);
    if let Err(error) = confirmed::tell(&setting, Count::Bytes) {
        // What was found goes before it.
        let cause = complaint::chain(error.as_ref());
        output::note(&format!("the vault was not told what the destinations hold: {cause}"))?;
    }
    let exit = Exit::from(report.ending);
    let exit = closed.as_ref().map_or(exit, |closed| exit.worse(closed.exit()));
    if arguments.json {
        output::json(&as_json(&report, closed.as_ref(), exit))?;
    } else {
        output::line(lines(&report))?;
    }
    match closed {
        Some(closed) if closed.exit() == exit => Err(closed.into()),
        Some(closed) => {
            output::note(&closed.to_string())?;
            Ok(exit)
        }
        None => Ok(exit),
    }
}

/// Erasures wait to hear which copies of the keyring are gone. Told before the base is taken, so that the base holds the
/// entry of it. That the vault could not be told fails no run: the next one tells it.
fn tell_copies(setting: &Setting, watch: &mut Watch) -> anyhow::Result<()> {
    let found = copies::look(setting, watch);
    if !found.has_spool() {
        return Ok(());
    }
    match copies::tell(setting, &found) {
        // The run itself says that no server answers.
        Ok(()) | Err(ClientError::Unreachable { .. }) => Ok(()),
        Err(error) => {
            let cause = complaint::chain(&error);
            Ok(output::note(&format!("the vault was not told which copies of the keyring stand: {cause}"))?)
        }
    }
}

fn as_json(report: &Report, closed: Option<&Complaint>, exit: Exit) -> Value {
    let closed =
        closed.map(|closed| json!({ "name": RESTIC, "done": false, "error": complaint::chain(closed), "faults": [] }));
    let target = |target: &TargetReport| {
        let faults: Vec<String> = target.faults.iter().map(ToString::to_string).collect();
        match &target.result {
            Ok(success) => json!({
                "name": target.name, "done": true, "bytes": success.bytes, "captured": success.captured,
                "followed": target.followed, "late": target.late, "faults": faults,
            }),
            Err(error) => {
                json!({ "name": target.name, "done": false, "error": complaint::chain(error), "faults": faults })
            }
        }
    };
    json!({
        "exit_code": exit.code(),
        "base": match &report.capture {
            Ok(Answer::Captured { number } | Answer::Current { number }) => json!(number),
            _ => Value::Null,
        },
        "base_taken": matches!(report.capture, Ok(Answer::Captured { .. })),
        "served": !matches!(report.capture, Ok(Answer::NotServed)),
        "capture_error": report.capture.as_ref().err().map(ToString::to_string),
        "captured": report.captured,
        "age_seconds": report.age,
        "targets": report.targets.iter().map(target).chain(closed).collect::<Vec<_>>(),
    })
}

fn lines(report: &Report) -> String {
    let mut lines = vec![match &report.capture {
        Ok(Answer::Captured { number }) => format!("base {number} taken"),
        Ok(Answer::Current { number }) => format!("everything is captured, after base {number}"),
        Ok(Answer::NotServed) => "no server answers: what was captured before is copied".to_owned(),
        Err(error) => format!("NO BASE TAKEN: {error}"),
    }];
    lines.push(match (report.captured, report.age) {
        (Some(captured), Some(age)) => {
            format!("newest point of {}, {}", figures::moment(captured), figures::old(age))
        }
        _ => "there is no point in the spool yet".to_owned(),
    });
    for target in &report.targets {
        lines.push(match &target.result {
            Ok(success) if target.followed => {
                let (state, why) = if target.late {
                    ("LATE", ", which is older than the objective: see `coffre backup status` for why")
                } else {
                    ("ok  ", "")
                };
                let (name, reached) = (&target.name, figures::moment(success.captured));
                format!("{state}    {name}: `coffre backup follow` copies to it, up to {reached} so far{why}")
            }
            Ok(success) => format!("ok      {}: {} written", target.name, figures::bytes(success.bytes)),
            Err(error) => format!("FAILED  {}: {}", target.name, complaint::chain(error)),
        });
        lines.extend(target.faults.iter().map(|fault| format!("        {fault}")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use coffre_backup::Ending;
    use coffre_backup::ship::KnownPoint;
    use coffre_backup::state::Success;
    use coffre_core::time::Timestamp;

    use super::*;

    #[test]
    fn a_destination_that_follow_is_late_at_is_not_called_well() {
        let told = |late, ending| {
            let moment = Timestamp::from_micros(0);
            let success = Success { time: moment, captured: moment, newest: KnownPoint::default(), bytes: 0 };
            let name = "usb".to_owned();
            let target = TargetReport { name, result: Ok(success), faults: Vec::new(), followed: true, late };
            let capture = Ok(Answer::Current { number: 1 });
            lines(&Report { capture, captured: Some(moment), age: Some(0), targets: vec![target], ending })
        };
        let (well, late) = (told(false, Ending::Success), told(true, Ending::ObjectiveMissed));
        let reached = "\nok      usb: `coffre backup follow` copies to it, up to 1970-01-01 00:00:00 UTC so far";
        assert!(well.ends_with(reached), "{well}");
        assert!(late.contains("\nLATE    usb: ") && late.ends_with("see `coffre backup status` for why"), "{late}");
    }
}
