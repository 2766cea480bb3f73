//! From a commit to its copy elsewhere, while there are 500 changes a second: an SFTP server and an S3 server on loopback,
//! followed to at once; by themselves, and while base backups are copied and travel. Beside it, what it takes to put one
//! object of the same bytes there as plainly as can be.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use super::Figure;
use crate::arguments::{Arguments, target};
use crate::bases::Bases;
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
    (job.connections, job.seconds) = (CONNECTIONS, arguments.seconds.max(SECONDS));
    let alone = Run::of(&job, &mut followed)?;
    let bases = Bases::start(&bench.backup_socket());
    let beside = Run::of(&job, &mut followed)?;
    let taken = bases.stop()?;
    drop(followed);
    say(&format!("  meanwhile {taken} base backups were copied; {} are there with those before", places.bases()?))?;
    let mut rows = Vec::new();
    for name in NAMES {
        let plain = places.put_plainly(name, &alone.sizes(name))?;
        rows.extend(rows_of(name, &alone.lags(name)?, &plain));
        rows.extend(rows_of(&format!("{name}, bases beside"), &beside.lags(name)?, &plain));
    }
    bench.serve_as(CONFIGURATION)?;
    Ok(rows)
}

/// Changes at the rate, and when each destination held how many.
struct Run {
    written: Vec<Written>,
    shipped: Vec<Shipped>,
}

impl Run {
    fn of(job: &Job, followed: &mut Followed) -> anyhow::Result<Self> {
        let before = followed.shipped.len();
        let written = run_paced(job, RATE)?;
        followed.until(&NAMES, after(&written)?)?;
        let shipped = followed.shipped.split_off(before);
        let changes = u32::try_from(written.len())?;
        say(&format!("  {:.0} changes a second, {} shipments", f64::from(changes) / job.seconds, shipped.len()))?;
        Ok(Self { written, shipped })
    }

    fn to(&self, name: &str) -> Vec<&Shipped> {
        self.shipped.iter().filter(|one| one.destination == name).collect()
    }

    fn lags(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        lags(&self.written, &self.to(name))
    }

    fn sizes(&self, name: &str) -> Vec<u64> {
        let bytes = self.to(name).into_iter().map(|one| one.bytes).filter(|bytes| *bytes > 0).collect::<Vec<_>>();
        bytes.into_iter().cycle().take(PLAIN).collect()
    }
}

/// How many entries the log has with all of these.
fn after(written: &[Written]) -> anyhow::Result<u64> {
    written.iter().map(|one| one.entry + 1).max().context("nothing was changed")
}

/// What each change waited for, in milliseconds: the first shipment that holds its entry.
pub(crate) fn lags(written: &[Written], shipped: &[&Shipped]) -> anyhow::Result<Vec<f64>> {
    let lag = |one: &Written| {
        let holds = |shipment: &&&Shipped| shipment.entries.is_some_and(|entries| entries > one.entry);
        let told = shipped.iter().find(holds).context("a change that was never shipped")?.told;
        Ok(Duration::from_micros(told.saturating_sub(one.answered)).as_secs_f64() * 1e3)
    };
    written.iter().map(lag).collect()
}

fn rows_of(name: &str, lags: &[f64], plain: &[Duration]) -> [Row; 2] {
    let plain: Vec<f64> = plain.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    let baseline_is = if name.starts_with("sftp") { "one sftp put" } else { "one PUT" };
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

/// The value that so many in a hundred are below.
pub(crate) fn percentile(values: &[f64], hundredths: usize) -> f64 {
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

    /// How many base backups the folder of the SFTP server holds.
    fn bases(&self) -> anyhow::Result<usize> {
        let mut folders = vec![self.sshd.folder().join("main")];
        let mut bases = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                bases += usize::from(path.extension().is_some_and(|extension| extension == "note"));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        Ok(bases)
    }

    fn put_plainly(&self, name: &str, sizes: &[u64]) -> anyhow::Result<Vec<Duration>> {
        if name == "sftp" { self.sshd.put_plainly(sizes) } else { self.bucket.put_plainly(sizes) }
    }
}
