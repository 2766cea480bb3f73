//! Audited reads and writes per second over HTTP, beside the bare handler: the two are loaded in turn, so that whatever
//! else the machine does falls on both.

use std::process::Command;

use super::Figure;
use crate::arguments::Arguments;
use crate::load::{self, Job, Kind, Measured};
use crate::process::Server;
use crate::report::{Row, median, say};
use crate::subjects::PURPOSE;
use crate::vault::Bench;

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
    let headers = bench.headers(role);
    let address = bench.serve()?.address;
    let mut job = Job { address, connections: 1, seconds: arguments.seconds, headers, targets, kind };
    let mut rows = Vec::new();
    for connections in &arguments.connections {
        job.connections = *connections;
        let (mut coffre, mut baseline) = (Vec::new(), Vec::new());
        for round in 1..=arguments.rounds {
            job.address = bare.address;
            baseline.push(load::run(&job)?);
            job.address = address;
            coffre.push(load::run(&job)?);
            if let (Some(coffre), Some(bare)) = (coffre.last(), baseline.last()) {
                say(&format!(
                    "  {connections} connections, round {round}: {:.0}/s, bare {:.0}/s",
                    coffre.rate, bare.rate
                ))?;
            }
        }
        rows.extend(rows_of(*connections, &coffre, &baseline));
    }
    bare.stop()?;
    Ok(rows)
}

fn rows_of(connections: usize, coffre: &[Measured], bare: &[Measured]) -> [Row; 3] {
    let what = |figure: &str| format!("{connections} connections, {figure}");
    let row = |figure: &str, unit, less_is_better, of: fn(&Measured) -> f64| Row {
        what: what(figure),
        unit,
        coffre: median(coffre.iter().map(of).collect()),
        baseline_is: "bare handler",
        baseline: median(bare.iter().map(of).collect()),
        less_is_better,
    };
    [
        row("rate", "per second", false, |run| run.rate),
        row("p50", "ms", true, |run| run.p50),
        row("p99", "ms", true, |run| run.p99),
    ]
}
