//! Audited reads and writes per second over HTTP, beside the bare handler: the two are loaded in turn, so that whatever
//! else the machine does falls on both.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::Figure;
use crate::arguments::{Arguments, target};
use crate::load::{self, Generator, Job, Kind, Measured};
use crate::openbao::OpenBao;
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
    let mut rivals = vec![bare(bench, &targets)?];
    let names: Vec<String> = (0..targets.len()).map(|number| number.to_string()).collect();
    match OpenBao::start(&bench.place, &target(), &names)? {
        Some(OpenBao { server, headers, targets }) => {
            rivals.push(Rival { is: "OpenBao KV v2, in memory, its audit log not synced", server, headers, targets });
        }
        None => say("  without OpenBao: scripts/openbao installs it")?,
    }
    compare(bench, arguments, "sales", &targets, Kind::Read, &rivals)
}

fn writes(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let targets = bench.targets("?purpose=contract-administration");
    let rivals = [bare(bench, &targets)?];
    compare(bench, arguments, "legal", &targets, Kind::Amend, &rivals)
}

/// A server that Coffre is compared with.
struct Rival {
    is: &'static str,
    server: Server,
    headers: String,
    targets: Vec<String>,
}

fn bare(bench: &Bench, targets: &[String]) -> anyhow::Result<Rival> {
    let server = Server::start(Command::new(std::env::current_exe()?).arg("bare"), &bench.place.at("bare.log"))?;
    Ok(Rival { is: "bare handler", server, headers: bench.headers("sales"), targets: targets.to_vec() })
}

fn compare(
    bench: &mut Bench,
    arguments: &Arguments,
    role: &str,
    targets: &[String],
    kind: Kind,
    rivals: &[Rival],
) -> anyhow::Result<Vec<Row>> {
    let (headers, folder) = (bench.headers(role), bench.place.at(""));
    let served = bench.serve()?;
    let job = |address, headers: &str, targets: &[String]| Job {
        address,
        connections: 32,
        seconds: WARM,
        headers: headers.to_owned(),
        targets: targets.to_vec(),
        kind,
    };
    let mut ours = (served, job(served.address, &headers, targets));
    let mut theirs: Vec<(&Server, Job)> =
        rivals.iter().map(|rival| (&rival.server, job(rival.server.address, &rival.headers, &rival.targets))).collect();
    // What happens once after a start is not measured: the first base backup, empty caches.
    for (_, job) in std::iter::once(&mut ours).chain(&mut theirs) {
        load::run(job, arguments.load, &folder)?;
        job.seconds = arguments.seconds;
    }
    let mut rows = Vec::new();
    for connections in &arguments.connections {
        let (mut coffre, mut baselines) = (Vec::new(), vec![Vec::new(); rivals.len()]);
        for round in 1..=arguments.rounds {
            let mut told = format!("  {connections} connections, round {round}:");
            for ((side, runs), is) in theirs.iter_mut().zip(&mut baselines).zip(rivals) {
                let run = one(side, *connections, arguments.load, &folder)?;
                write!(told, " {:.0}/s {},", run.seen.rate, is.is)?;
                runs.push(run);
            }
            let run = one(&mut ours, *connections, arguments.load, &folder)?;
            say(&format!("{told} coffre {:.0}/s", run.seen.rate))?;
            coffre.push(run);
        }
        for (rival, runs) in rivals.iter().zip(&baselines) {
            rows.extend(rows_of(*connections, &coffre, rival.is, runs));
        }
    }
    Ok(rows)
}

/// One side of a round.
#[derive(Clone, Copy)]
struct Run {
    seen: Measured,
    /// Processor time of the server for a request, in microseconds: it holds on a busy machine too.
    processor: f64,
}

fn one(
    (server, job): &mut (&Server, Job),
    connections: usize,
    generator: Generator,
    folder: &Path,
) -> anyhow::Result<Run> {
    job.connections = connections;
    let before = server.processor()?;
    let seen = load::run(job, generator, folder)?;
    let took = server.processor()? - before;
    let requests = seen.rate * (job.seconds + generator.warm_up());
    Ok(Run { seen, processor: took / requests * 1e6 })
}

fn rows_of(connections: usize, coffre: &[Run], baseline_is: &'static str, baseline: &[Run]) -> [Row; 4] {
    let what = |figure: &str| format!("{connections} connections, {figure}");
    let row = |figure: &str, unit, less_is_better, of: fn(&Run) -> f64| Row {
        what: what(figure),
        unit,
        coffre: median(coffre.iter().map(of).collect()),
        baseline_is,
        baseline: median(baseline.iter().map(of).collect()),
        less_is_better,
    };
    [
        row("rate", "per second", false, |run| run.seen.rate),
        row("p50", "ms", true, |run| run.seen.p50),
        row("p99", "ms", true, |run| run.seen.p99),
        row("processor", "µs a request", true, |run| run.processor),
    ]
}
