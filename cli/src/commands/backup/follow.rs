//! `coffre backup follow`: copies what is captured as it is captured, until it is told to stop. One line for each
//! change for the better or worse; what goes well is not repeated.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use coffre_backup::follow::{Event, Following, follow};
use coffre_backup::jobs::Jobs;
use coffre_backup::run::RunError;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::confirmed::{self, Count};
use super::setting::{ResticArgument, Setting};
use super::without_vault;
use crate::arguments::Global;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::{complaint, figures, output, owner, schedule};

/// How often the vault is told what its destinations hold.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The arguments of `coffre backup follow`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print a line for everything that is copied
    #[arg(long)]
    verbose: bool,
    /// Print a JSON object on a line for everything that is copied or fails
    #[arg(long, conflicts_with = "verbose")]
    json: bool,
}

/// Follows and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    if let Some(host) = without_vault::host(global)? {
        owner::must_run(&Jobs::file(&host.state))?;
        return without_vault::keep_timetable(&host, global);
    }
    let setting = Setting::read(global, &ResticArgument { restic: None })?;
    owner::must_run(&Jobs::file(&setting.state))?;
    let destinations = setting.destinations.iter().map(|(name, place)| (name.clone(), &**place as _)).collect();
    let following = Following { spool: &setting.spool, memory: &setting.state, pinned: &setting.pinned, destinations };
    let mut well = BTreeSet::new();
    let mut told = |event: &Event<'_>| {
        let line = match event {
            _ if arguments.json => Some(as_json(event).to_string()),
            event => line(event, arguments.verbose, &mut well),
        };
        // Whoever reads it may have gone: that ends no backup.
        let _gone = line.map(output::line);
    };
    let mut watch = Watch::new();
    let interrupt = Interrupt::listen();
    let stop = || interrupt.asked();
    let followed = thread::scope(|scope| {
        scope.spawn(|| keep_telling(&setting, &stop));
        if !setting.rows.is_empty() {
            scope.spawn(|| schedule::keep(&setting.rows, &setting.state, global, &stop));
        }
        // What runs by itself may be all there is to do, as for a repository alone.
        let followed = if following.destinations.is_empty() && !setting.rows.is_empty() {
            wait(&stop);
            Ok(())
        } else {
            follow(&following, &|| SystemClock.now(), &mut watch, &mut told)
        };
        // Jobs under way, too: as long as one went on, nobody would start this again, and nothing would be copied.
        interrupt.ask();
        followed
    });
    match followed {
        Ok(()) => Ok(Exit::Success),
        Err(error @ (RunError::Lock(_) | RunError::State(_) | RunError::NoSpool { .. } | RunError::NoTarget)) => {
            Err(error.into())
        }
    }
}

/// A line, where one is due; `well` are the destinations of which it is known that all goes well.
fn line(event: &Event<'_>, verbose: bool, well: &mut BTreeSet<String>) -> Option<String> {
    match event {
        Event::Shipped { destination, captured, bytes, .. } => {
            let first = well.insert((*destination).to_owned());
            let (captured, bytes) = (figures::moment(*captured), figures::bytes(*bytes));
            (first || verbose).then(|| format!("ok      {destination}: up to {captured}, {bytes} written"))
        }
        Event::Failed { destination, error } => {
            well.remove(*destination);
            Some(format!("FAILED  {destination}: {}", complaint::chain(*error)))
        }
    }
}

fn as_json(event: &Event<'_>) -> Value {
    match event {
        Event::Shipped { destination, captured, entries, bytes } => {
            json!({ "destination": destination, "captured": captured, "entries": entries, "bytes": bytes })
        }
        Event::Failed { destination, error } => {
            json!({ "destination": destination, "failed": complaint::chain(*error) })
        }
    }
}

/// Tells the vault now and then what its destinations hold.
fn keep_telling(setting: &Setting, stop: &dyn Fn() -> bool) {
    let mut last: Option<Instant> = None;
    while !stop() {
        if last.is_none_or(|last| last.elapsed() >= TOLD_EVERY) {
            last = Some(Instant::now());
            if let Err(error) = confirmed::tell(setting, Count::Nothing) {
                let _gone = output::note(&format!("the vault was not told: {}", complaint::chain(error.as_ref())));
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn wait(stop: &dyn Fn() -> bool) {
    while !stop() {
        thread::sleep(Duration::from_millis(200));
    }
}
