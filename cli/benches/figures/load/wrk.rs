//! The same load by wrk, a program that nobody here wrote: it costs more of the processors that it shares with the servers
//! than the generator of the benchmarks does, and it tells whether that one flatters anybody.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Job, Measured};

/// Runs a job of reads.
pub(super) fn run(job: &Job, folder: &Path) -> anyhow::Result<Measured> {
    let script = folder.join("wrk.lua");
    fs::write(&script, script_of(job))?;
    let mut wrk = Command::new("wrk");
    wrk.arg(format!("-c{}", job.connections)).arg(format!("-d{}s", job.seconds.ceil())).args([
        "-t1",
        "--latency",
        "-s",
    ]);
    let output =
        wrk.arg(&script).arg(format!("http://{}/", job.address)).output().context("wrk does not run: install it")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk met errors: {text}");
    read(&text).with_context(|| format!("not what wrk says: {text}"))
}

/// Lua that asks for the targets at random, always in the same order.
fn script_of(job: &Job) -> String {
    let headers = job.headers.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| format!("wrk.headers[{name:?}] = {value:?}\n"));
    let headers = headers.collect::<Vec<_>>().concat();
    let targets = job.targets.iter().map(|target| format!("{target:?},\n")).collect::<Vec<_>>().concat();
    format!(
        "{headers}local targets = {{\n{targets}}}\nlocal requests = {{}}\n\
         function init(args)\n  for i, target in ipairs(targets) do requests[i] = wrk.format('GET', target) end\nend\n\
         function request() return requests[math.random(#requests)] end\n"
    )
}

fn read(text: &str) -> Option<Measured> {
    let after = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let rate = after("Requests/sec:")?.parse().ok()?;
    Some(Measured { rate, p50: milliseconds(after("50%")?)?, p99: milliseconds(after("99%")?)? })
}

fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)];
    let (number, unit) = units.into_iter().find_map(|(unit, of)| Some((text.strip_suffix(unit)?, of)))?;
    number.parse::<f64>().ok().map(|number| number * unit)
}
