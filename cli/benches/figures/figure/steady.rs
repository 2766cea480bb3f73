//! A steady load of everything for half an hour, at four fifths of what the machine can do while a drill runs: reads,
//! changes, grants given and withdrawn, documents in and out, while backups go on to a real SFTP server and drills restore
//! them. Whatever grows, slows down or fails shows: each figure is that of the last quarter, beside the one of the first.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Figure;
use crate::arguments::Arguments;
use crate::elsewhere::Sshd;
use crate::followed::Followed;
use crate::load::{Measured, Mixed, run_mixed};
use crate::process::{self, Server};
use crate::report::{Row, median, say};
use crate::subjects::PURPOSE;
use crate::thinned::thin;
use crate::vault::{Bench, CONFIGURATION};

pub(super) const FIGURE: Figure = Figure {
    name: "steady",
    about: "everything at once at four fifths of the most beside a drill, with backups and drills",
    measure,
};

const CONNECTIONS: usize = 64;
/// Seconds for which the most is looked for, beside one drill after the other: long enough for base backups to be due.
const SEARCH: f64 = 150.0;
/// Seconds before that in which caches become warm and the first base backup is made.
const WARM: f64 = 20.0;
/// Seconds between the two of as much as comes: what the most is looked for in has a log of a gigabyte and more, and every record has
/// been changed, as in a vault that is in use. That of a vault just made is more than it bears for long.
const AGE: f64 = 240.0;
const SHARE: f64 = 0.8;
const ELSEWHERE: &str = "steady.toml";
/// Parts of a quarter that latencies are told for.
const PARTS: usize = 5;
/// So often the process is looked at.
const LOOKED_AT: Duration = Duration::from_secs(2);
/// Drills begin when so much of the run is over.
const DRILLS: [f64; 2] = [0.3, 0.8];

fn measure(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let sshd = Sshd::start(&bench.place)?;
    bench.configure_shipping(ELSEWHERE, [("sftp", sshd.destination())])?;
    bench.serve_as(ELSEWHERE)?;
    let mut followed = Followed::start(&mut bench.coffre("backup"), &bench.place.at("follow.log"))?;
    let mut mixed = Mixed {
        address: bench.serve()?.address,
        connections: CONNECTIONS,
        seconds: WARM,
        per_second: None,
        reader: bench.headers("sales"),
        clerk: bench.headers("legal"),
        records: bench.targets(""),
        read: format!("?fields=contact.email,contact.phone&purpose={PURPOSE}"),
        amend: "?purpose=contract-administration".to_owned(),
        grant:
            r#"{"role":"customer-service","purpose":"customer-support","basis":"contract","categories":["contact"]}"#
                .to_owned(),
        parts: 1,
    };
    run_mixed(&mixed)?;
    followed.until(&["sftp"], 1)?;
    let held = sshd.folder().join("main");
    mixed.seconds = AGE;
    run(bench, &mixed, &held, &[])?;
    mixed.seconds = SEARCH;
    let most = run(bench, &mixed, &held, &[0.0; 12])?.parts.last().context("nothing was measured")?.rate;
    (mixed.seconds, mixed.per_second, mixed.parts) = (arguments.minutes * 60.0, Some(most * SHARE), 4 * PARTS);
    say(&format!(
        "  {most:.0} acts a second at most beside a drill; {:.0} for {} minutes",
        most * SHARE,
        arguments.minutes
    ))?;
    let run = run(bench, &mixed, &held, &DRILLS)?;
    drop(followed);
    bench.serve_as(CONFIGURATION)?;
    Ok(rows(&run, most * SHARE))
}

/// What a run was like.
struct Run {
    parts: Vec<Measured>,
    /// Memory in MiB and open files, each time that they were looked at.
    looked: Vec<(f64, f64)>,
    /// How long each drill took, in seconds.
    drills: Vec<f64>,
}

fn run(bench: &mut Bench, mixed: &Mixed, held: &Path, drills: &[f64]) -> anyhow::Result<Run> {
    bench.serve()?;
    let bench = &*bench;
    let server = bench.served().context("nothing is served")?;
    let (over, begun, restoring) = (AtomicBool::new(false), Instant::now(), Mutex::new(()));
    thread::scope(|scope| {
        let looking = scope.spawn(|| look(server, &over));
        let thinning = scope.spawn(|| keep_small(held, &restoring, &over));
        let drilling = scope.spawn(|| drill(bench, (begun, mixed.seconds), drills, &restoring, &over));
        let parts = run_mixed(mixed);
        over.store(true, Ordering::Relaxed);
        let looked = looking.join().ok().context("nobody looked")??;
        let drills = drilling.join().ok().context("nobody drilled")??;
        thinning.join().ok().context("nobody kept the destination small")??;
        Ok(Run { parts: parts?, looked, drills })
    })
}

fn look(server: &Server, over: &AtomicBool) -> anyhow::Result<Vec<(f64, f64)>> {
    let mut looked = Vec::new();
    while !over.load(Ordering::Relaxed) {
        looked.push((server.memory()?, server.handles()?));
        thread::sleep(LOOKED_AT);
    }
    Ok(looked)
}

/// Removes what is old at the destination, but nothing while somebody restores from there.
fn keep_small(held: &Path, restoring: &Mutex<()>, over: &AtomicBool) -> anyhow::Result<()> {
    while !over.load(Ordering::Relaxed) {
        {
            let _nobody = restoring.lock().unwrap_or_else(PoisonError::into_inner);
            thin(held)?;
        }
        thread::sleep(LOOKED_AT);
    }
    Ok(())
}

fn drill(
    bench: &Bench,
    (begun, seconds): (Instant, f64),
    drills: &[f64],
    restoring: &Mutex<()>,
    over: &AtomicBool,
) -> anyhow::Result<Vec<f64>> {
    let one = |share: &f64| {
        thread::sleep(Duration::from_secs_f64(seconds * share).saturating_sub(begun.elapsed()));
        let _restores = restoring.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, took) = process::run(bench.coffre("drill").args(["--from", "sftp", "--json"]))?;
        Ok(took.as_secs_f64())
    };
    drills.iter().take_while(|_| !over.load(Ordering::Relaxed)).map(one).collect()
}

fn rows(run: &Run, planned: f64) -> Vec<Row> {
    let quarter = |last: bool, of: fn(&Measured) -> f64| {
        let parts = run.parts.iter().map(of);
        if last { median(parts.rev().take(PARTS).collect()) } else { median(parts.take(PARTS).collect()) }
    };
    let process = |last: bool, of: fn(&(f64, f64)) -> f64| {
        let (all, many) = (run.looked.iter().map(of), run.looked.len() / 4);
        if last { median(all.rev().take(many).collect()) } else { median(all.take(many).collect()) }
    };
    let row = |what: &str, unit, less_is_better, baseline_is, coffre, baseline| Row {
        what: what.to_owned(),
        unit,
        coffre,
        baseline_is,
        baseline,
        less_is_better,
    };
    let first = "the first quarter";
    let rates: Vec<f64> = run.parts.iter().map(|part| part.rate).collect();
    let mut rows = vec![
        row("acts, none failed", "per second", false, "four fifths of the most", median(rates), planned),
        row("p50", "ms", true, first, quarter(true, |part| part.p50), quarter(false, |part| part.p50)),
        row("p99", "ms", true, first, quarter(true, |part| part.p99), quarter(false, |part| part.p99)),
        row("memory", "MiB", true, first, process(true, |(memory, _)| *memory), process(false, |(memory, _)| *memory)),
        row("open files", "", true, first, process(true, |(_, files)| *files), process(false, |(_, files)| *files)),
    ];
    if let [first, .., last] = run.drills.as_slice() {
        rows.push(row("a drill", "s", true, "the first drill", *last, *first));
    }
    rows
}
