//! One size: the vault is filled, every figure is taken, and everything goes again.

use std::time::Instant;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::figure::{lags, percentile};
use crate::followed::Followed;
use crate::load::{self, Connection, Job, Kind, Measured, run_paced};
use crate::place::bytes_below;
use crate::process;
use crate::report::{median, say};
use crate::subjects::PURPOSE;
use crate::vault::{Bench, DESTINATION, FOLLOWING, Filling};

/// What was measured of one size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Size {
    pub(super) reads_16: Measured,
    pub(super) reads_64: Measured,
    pub(super) writes_64: Measured,
    /// Resident memory of the server after that load, in MiB.
    pub(super) memory: f64,
    /// From its start to the answer to a read, in seconds: after a stop, and after it was killed under load.
    pub(super) start: f64,
    pub(super) start_after_kill: f64,
    /// From the answer to a change until the destination holds it, in milliseconds.
    pub(super) lag_p50: f64,
    pub(super) lag_p99: f64,
    /// Records brought by the import per second.
    pub(super) import: f64,
    pub(super) vault_megabytes: f64,
    /// A base backup into the spool and to a folder.
    pub(super) base_seconds: f64,
    pub(super) base_megabytes: f64,
    /// A restore from there, everything decrypted and compared.
    pub(super) restore_seconds: f64,
}

/// Changes a second while the lag is measured: what every size can do.
const RATE: f64 = 200.0;
/// Seconds of it.
const PACED: f64 = 10.0;
/// Seconds for which a server is loaded before reads are measured: what happens once after a start is not meant.
const WARM: f64 = 5.0;
/// Starts, of which the median counts.
const STARTS: usize = 3;

pub(super) fn measure(arguments: &Arguments, subjects: u64) -> anyhow::Result<Size> {
    let mut bench = Bench::prepare(arguments, subjects, Filling::Lean)?;
    // A vault that was kept from another run says nothing of it.
    let imported = bench.imported.as_ref().map_or(0.0, |imported| per_second(imported.records, imported.seconds));
    say(&format!("  import: {imported:.0} records/s"))?;
    let vault_megabytes = megabytes(bytes_below(&bench.place.at("vault"))?);
    let (base_seconds, base_megabytes) = base(&mut bench)?;
    let start = starts(&mut bench, Bench::stop)?;
    let reads_16 = run(&mut bench, arguments, ("sales", Kind::Read, 16))?;
    let reads_64 = run(&mut bench, arguments, ("sales", Kind::Read, 64))?;
    let writes_64 = run(&mut bench, arguments, ("legal", Kind::Amend, 64))?;
    let memory = bench.serve()?.memory()?;
    say(&format!("  memory: {memory:.0} MiB"))?;
    let start_after_kill = starts(&mut bench, |bench| {
        load::run(&job(bench, "legal", Kind::Amend, 16, 1.0)?, arguments.load, &bench.place.at(""))?;
        bench.kill();
        Ok(())
    })?;
    say(&format!("  start to first answer: {start:.3} s, after a kill {start_after_kill:.3} s"))?;
    let (lag_p50, lag_p99) = lag(&mut bench)?;
    let restore_seconds = restore(&mut bench, arguments.keep.is_some())?;
    Ok(Size {
        reads_16,
        reads_64,
        writes_64,
        memory,
        start,
        start_after_kill,
        lag_p50,
        lag_p99,
        import: imported,
        vault_megabytes,
        base_seconds,
        base_megabytes,
        restore_seconds,
    })
}

fn megabytes(bytes: u64) -> f64 {
    per_second(bytes, 1e6)
}

fn per_second(count: u64, seconds: f64) -> f64 {
    // Exact up to 2^53.
    #[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
    let count = count as f64;
    count / seconds
}

fn job(bench: &mut Bench, role: &str, kind: Kind, connections: usize, seconds: f64) -> anyhow::Result<Job> {
    let query = match kind {
        Kind::Read => format!("?fields=contact.email,contact.phone&purpose={PURPOSE}"),
        Kind::Amend => "?purpose=contract-administration".to_owned(),
    };
    let (headers, targets) = (bench.headers(role), bench.targets(&query));
    Ok(Job { address: bench.serve()?.address, connections, seconds, headers, targets, kind })
}

/// The median of the rounds, by rate.
fn run(
    bench: &mut Bench,
    arguments: &Arguments,
    (role, kind, connections): (&str, Kind, usize),
) -> anyhow::Result<Measured> {
    let mut job = job(bench, role, kind, connections, WARM)?;
    let folder = bench.place.at("");
    load::run(&job, arguments.load, &folder)?;
    job.seconds = arguments.seconds;
    let rounds = (0..arguments.rounds.max(1)).map(|_| load::run(&job, arguments.load, &folder));
    let mut rounds = rounds.collect::<anyhow::Result<Vec<_>>>()?;
    rounds.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let middle = rounds.get(rounds.len() / 2).copied().context("no round")?;
    let what = if let Kind::Read = kind { "reads" } else { "writes" };
    say(&format!(
        "  {what}, {connections} connections: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        middle.rate, middle.p50, middle.p99
    ))?;
    Ok(middle)
}

/// Seconds from the start of a server to the answer to a read, after it was ended in some way.
fn starts(bench: &mut Bench, end: impl Fn(&mut Bench) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let headers = bench.headers("sales");
    let targets = bench.targets(&format!("?fields=contact.email&purpose={PURPOSE}"));
    let mut took = Vec::new();
    for target in targets.iter().take(STARTS) {
        bench.serve()?;
        end(bench)?;
        let begun = Instant::now();
        let address = bench.serve()?.address;
        runtime.block_on(async {
            let mut connection = Connection::open(address, &headers).await?;
            connection.send("GET", target, "", &[]).await?;
            connection.answer().await.map(drop)
        })?;
        took.push(begun.elapsed().as_secs_f64());
    }
    Ok(median(took))
}

/// The median and the 99th percentile, in milliseconds.
fn lag(bench: &mut Bench) -> anyhow::Result<(f64, f64)> {
    let job = job(bench, "legal", Kind::Amend, 16, 2.0)?;
    let mut followed = Followed::start(&mut bench.coffre("backup"), &bench.place.at("follow.log"))?;
    let entries = |written: &[load::Written]| written.iter().map(|one| one.entry + 1).max().context("no change");
    // What was there before is shipped first.
    let first = run_paced(&job, RATE)?;
    followed.until(&[DESTINATION], entries(&first)?)?;
    let before = followed.shipped.len();
    let written = run_paced(&Job { seconds: PACED, ..job }, RATE)?;
    followed.until(&[DESTINATION], entries(&written)?)?;
    let shipped = followed.shipped.split_off(before);
    let lags = lags(&written, &shipped.iter().collect::<Vec<_>>())?;
    let (p50, p99) = (percentile(&lags, 50), percentile(&lags, 99));
    say(&format!("  lag: p50 {p50:.0} ms, p99 {p99:.0} ms"))?;
    Ok((p50, p99))
}

/// The first one, which the server takes by itself: seconds until it is at the destination, and megabytes there.
fn base(bench: &mut Bench) -> anyhow::Result<(f64, f64)> {
    bench.serve_as(FOLLOWING)?;
    let (_, took) = process::run(bench.coffre("backup").args(["run", "--json"]))?;
    let (seconds, size) = (took.as_secs_f64(), megabytes(bytes_below(&bench.place.at(DESTINATION))?));
    say(&format!("  base backup: {seconds:.1} s, {size:.0} MB"))?;
    Ok((seconds, size))
}

#[derive(Deserialize)]
struct Restored {
    restore_seconds: f64,
}

fn restore(bench: &mut Bench, is_kept: bool) -> anyhow::Result<f64> {
    bench.stop()?;
    if !is_kept {
        // The disk need not hold four copies.
        bench.place.cleared("spool")?;
    }
    let restored = bench.place.cleared("restored")?;
    let mut restore = bench.coffre("restore");
    restore.arg("--from").arg(bench.place.at(DESTINATION)).arg("--to").arg(&restored);
    restore.arg("--identity").arg(bench.place.at("recovery-identity")).arg("--json");
    let (Restored { restore_seconds }, _) = process::run_json(&mut restore)?;
    say(&format!("  restore: {restore_seconds:.1} s"))?;
    bench.place.cleared("restored")?;
    Ok(restore_seconds)
}
