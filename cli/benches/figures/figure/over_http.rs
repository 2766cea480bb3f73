//! Audited reads and writes per second over HTTP, beside the bare handler: the two are loaded in turn, so that whatever
//! else the machine does falls on both.

use std::path::Path;
use std::process::Command;

use super::Figure;
use crate::arguments::Arguments;
use crate::load::{self, Generator, Job, Kind, Measured};
use crate::process::Server;
use crate::report::{Row, median, say};
use crate::subjects::PURPOSE;
use crate::vault::Bench;

/// Seconds for which a server is loaded before anything is measured.
const WARM: f64 = 3.0;

/// Token, grant, Cedar, decryption, an entry on disk before the answer.
pub(super) const READS: Figure = Figure {
    name: "reads",
    about: "audited reads of two fields by Sales, under a grant, data subjects at random",
    measure: reads,
};

/// Token, Cedar, validation, encryption, the change and its entry on disk before the answer.
pub(super) const WRITES: Figure = Figure {
    name: "writes",
    about: "audited changes of an e-mail address by Legal, search index included",
    measure: writes,
};

fn reads(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let targets = bench.targets(&format!("?fields=contact.email,contact.phone&purpose={PURPOSE}"));
    compare(bench, arguments, "sales", targets, Kind::Read)
}

fn writes(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let targets = bench.targets("?purpose=contract-administration");
    compare(bench, arguments, "legal", targets, Kind::Amend)
}

fn compare(
    bench: &mut Bench,
    arguments: &Arguments,
    role: &str,
    targets: Vec<String>,
    kind: Kind,
) -> anyhow::Result<Vec<Row>> {
    let bare = Server::start(Command::new(std::env::current_exe()?).arg("bare"), &bench.place.at("bare.log"))?;
    let (headers, folder) = (bench.headers(role), bench.place.at(""));
    let served = bench.serve()?;
    let mut job = Job { address: served.address, connections: 32, seconds: WARM, headers, targets, kind };
    // What happens once after a start is not measured: the first base backup, empty caches.
    load::run(&job, arguments.load, &folder)?;
    job.seconds = arguments.seconds;
    let mut rows = Vec::new();
    for connections in &arguments.connections {
        job.connections = *connections;
        let (mut coffre, mut baseline) = (Vec::new(), Vec::new());
        for round in 1..=arguments.rounds {
            baseline.push(one(&mut job, &bare, arguments.load, &folder)?);
            coffre.push(one(&mut job, served, arguments.load, &folder)?);
            if let (Some(coffre), Some(bare)) = (coffre.last(), baseline.last()) {
                say(&format!(
                    "  {connections} connections, round {round}: {:.0}/s, bare {:.0}/s",
                    coffre.seen.rate, bare.seen.rate
                ))?;
            }
        }
        rows.extend(rows_of(*connections, &coffre, &baseline));
    }
    bare.stop()?;
    Ok(rows)
}

/// One side of a round.
struct Run {
    seen: Measured,
    /// Processor time of the server for a request, in microseconds: it holds on a busy machine too.
    processor: f64,
}

fn one(job: &mut Job, server: &Server, generator: Generator, folder: &Path) -> anyhow::Result<Run> {
    job.address = server.address;
    let before = server.processor()?;
    let seen = load::run(job, generator, folder)?;
    let took = server.processor()? - before;
    let requests = seen.rate * (job.seconds + generator.warm_up());
    Ok(Run { seen, processor: took / requests * 1e6 })
}

fn rows_of(connections: usize, coffre: &[Run], bare: &[Run]) -> [Row; 4] {
    let what = |figure: &str| format!("{connections} connections, {figure}");
    let row = |figure: &str, unit, less_is_better, of: fn(&Run) -> f64| Row {
        what: what(figure),
        unit,
        coffre: median(coffre.iter().map(of).collect()),
        baseline_is: "bare handler",
        baseline: median(bare.iter().map(of).collect()),
        less_is_better,
    };
    [
        row("rate", "per second", false, |run| run.seen.rate),
        row("p50", "ms", true, |run| run.seen.p50),
        row("p99", "ms", true, |run| run.seen.p99),
        row("processor", "µs a request", true, |run| run.processor),
    ]
}
