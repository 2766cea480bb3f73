//! From a commit to its copy elsewhere, while there are 500 changes a second: an SFTP server and an S3 server on loopback,
//! followed to at once. Beside it, what it takes to put one object of the same bytes there as plainly as can be.

use std::time::Duration;

use anyhow::Context as _;

use super::Figure;
use crate::arguments::{Arguments, target};
use crate::elsewhere::{Bucketed, Sshd};
use crate::followed::{Followed, Shipped};
use crate::load::{Job, Kind, Written, run_paced};
use crate::report::{Row, say};
use crate::vault::{Bench, CONFIGURATION};

pub(super) const FIGURE: Figure = Figure {
    name: "lag",
    about: "from the answer to a change until SFTP and S3 hold it, at 500 changes a second",
    measure,
};

/// Changes a second.
const RATE: f64 = 500.0;
const CONNECTIONS: usize = 16;
/// A run is at least so long: dozens of shipments, and what comes now and then.
const SECONDS: f64 = 20.0;
/// Objects that are put for comparison.
const PLAIN: usize = 50;
/// The configuration with these destinations.
const ELSEWHERE: &str = "lag.toml";
const NAMES: [&str; 2] = ["sftp", "s3"];

fn measure(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let places = Elsewhere::start(bench)?;
    bench.serve_as(ELSEWHERE)?;
    let mut followed = Followed::start(&mut bench.coffre("backup"), &bench.place.at("follow.log"))?;
    let headers = bench.headers("legal");
    let targets = bench.targets("?purpose=contract-administration");
    let mut job =
        Job { address: bench.serve()?.address, connections: 1, seconds: 1.0, headers, targets, kind: Kind::Amend };
    // What was there before is shipped first; then the machine is warm.
    let first = run_paced(&job, 10.0)?;
    followed.until(&NAMES, after(&first)?)?;
    let before = followed.shipped.len();
    (job.connections, job.seconds) = (CONNECTIONS, arguments.seconds.max(SECONDS));
    let written = run_paced(&job, RATE)?;
    followed.until(&NAMES, after(&written)?)?;
    let shipped = followed.shipped.split_off(before);
    drop(followed);
    let changes = u32::try_from(written.len())?;
    say(&format!("  {:.0} changes a second, {} shipments", f64::from(changes) / job.seconds, shipped.len()))?;
    let mut rows = Vec::new();
    for name in NAMES {
        let of = |one: &&Shipped| one.destination == name;
        let mine: Vec<&Shipped> = shipped.iter().filter(of).collect();
        let sizes: Vec<u64> = mine.iter().map(|one| one.bytes).filter(|bytes| *bytes > 0).cycle().take(PLAIN).collect();
        let plain = places.put_plainly(name, &sizes)?;
        rows.extend(rows_of(name, &lags(&written, &mine)?, plain));
    }
    bench.serve_as(CONFIGURATION)?;
    Ok(rows)
}

/// How many entries the log has with all of these.
fn after(written: &[Written]) -> anyhow::Result<u64> {
    written.iter().map(|one| one.entry + 1).max().context("nothing was changed")
}

/// What each change waited for, in milliseconds: the first shipment that holds its entry.
fn lags(written: &[Written], shipped: &[&Shipped]) -> anyhow::Result<Vec<f64>> {
    let lag = |one: &Written| {
        let holds = |shipment: &&&Shipped| shipment.entries.is_some_and(|entries| entries > one.entry);
        let told = shipped.iter().find(holds).context("a change that was never shipped")?.told;
        Ok(Duration::from_micros(told.saturating_sub(one.answered)).as_secs_f64() * 1e3)
    };
    written.iter().map(lag).collect()
}

fn rows_of(name: &str, lags: &[f64], plain: Vec<Duration>) -> [Row; 2] {
    let plain: Vec<f64> = plain.into_iter().map(|took| took.as_secs_f64() * 1e3).collect();
    let baseline_is = if name == "sftp" { "one sftp put" } else { "one PUT" };
    let row = |hundredths: usize| Row {
        what: format!("{name}, p{hundredths}"),
        unit: "ms",
        coffre: percentile(lags, hundredths),
        baseline_is,
        baseline: percentile(&plain, hundredths),
        less_is_better: true,
    };
    [row(50), row(99)]
}

fn percentile(values: &[f64], hundredths: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len() * hundredths / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The two servers.
struct Elsewhere {
    sshd: Sshd,
    bucket: Bucketed,
}

impl Elsewhere {
    /// Starts them, and writes the configuration that ships to them.
    fn start(bench: &Bench) -> anyhow::Result<Self> {
        let (place, target) = (&bench.place, target());
        let places = Self { sshd: Sshd::start(place)?, bucket: Bucketed::start(place, &target)? };
        let [sftp, s3] = NAMES;
        let both = [(sftp, places.sshd.destination()), (s3, places.bucket.destination())];
        bench.configure_shipping(ELSEWHERE, both)?;
        Ok(places)
    }

    fn put_plainly(&self, name: &str, sizes: &[u64]) -> anyhow::Result<Vec<Duration>> {
        if name == "sftp" { self.sshd.put_plainly(sizes) } else { self.bucket.put_plainly(sizes) }
    }
}
