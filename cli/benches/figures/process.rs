//! The processes that are measured: each ends with its guard, by its number.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A server in the background.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one, and waits for the line that ends with where it answers.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log_file = File::options().create(true).append(true).open(log)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim().rsplit_once("://").and_then(|(_, address)| address.parse().ok()) {
            Some(address) => Ok(Self { child, address }),
            None => bail!("the server did not start: {} ({})", child.wait()?, log.display()),
        }
    }

    /// Processor time that it has taken, in seconds.
    pub(crate) fn processor(&self) -> anyhow::Result<f64> {
        // Clock ticks in /proc are hundredths of a second on Linux, whatever the kernel counts in.
        const TICK: f64 = 0.01;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in brackets, may hold anything.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks = fields.skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(f64::from(ticks) * TICK)
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        let kib: u32 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Ends it as a service manager does, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended already needs no end.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Runs a program to its end; gives what it printed and how long that took.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<(Output, Duration)> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} does not run"))?;
    let took = begun.elapsed();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((output, took))
}

/// The same, for a program that prints one JSON object.
pub(crate) fn run_json<T: DeserializeOwned>(command: &mut Command) -> anyhow::Result<(T, Duration)> {
    let (output, took) = run(command)?;
    let printed = serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} printed no JSON"))?;
    Ok((printed, took))
}

/// This program in another part: gives it a job and takes its answer.
pub(crate) fn ask_self<A: DeserializeOwned>(part: impl AsRef<OsStr>, job: &impl Serialize) -> anyhow::Result<A> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(part)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the load generator does not start")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(job)?)?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the load generator ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}
