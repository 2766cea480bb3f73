//! The processes that are measured: each ends with its guard, by its number.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
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

    /// Starts one that nobody here wrote, and waits until it listens.
    pub(crate) fn listening(command: &mut Command, address: SocketAddr, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut server = Self { child: child.with_context(|| format!("{command:?} does not start"))?, address };
        let end = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(address).is_err() {
            ensure!(server.child.try_wait()?.is_none(), "{command:?} ended by itself");
            ensure!(Instant::now() < end, "{command:?} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
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

    /// Memory that it holds, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map(|held| held.trim_end_matches("kB"));
        let kib: u32 = held.context("no VmRSS")?.trim().parse()?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Files and connections that it has open.
    pub(crate) fn handles(&self) -> anyhow::Result<f64> {
        let count = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count();
        Ok(f64::from(u32::try_from(count)?))
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

/// A port of loopback that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
