//! Processes of `coffre` itself, run by the demonstration as a person at the terminal would run them. The only place
//! outside `coffre-backup` that starts processes.
//!
//! Each runs in a process group of its own, so that the terminal's Ctrl-C reaches the demonstration alone; and each ends
//! with its guard, by its number, together with what it has started.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The program that is running now, to be run again in a given environment.
#[derive(Debug, Clone)]
pub(super) struct Coffre {
    program: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

/// A process in the background. Killed when dropped.
pub(super) struct Running {
    child: Child,
    group: Group,
}

/// Kills a process group when dropped, unless its leader has been waited for.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself; then there is nothing left to kill.
            let _ended = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Group {
    fn of(child: &Child) -> Self {
        // The group has the number of its first process.
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }
}

impl Coffre {
    /// This program.
    pub(super) fn this(environment: Vec<(&'static str, OsString)>) -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, environment })
    }

    /// With another value in its environment.
    pub(super) fn with(&self, name: &'static str, value: &Path) -> Self {
        let mut coffre = self.clone();
        coffre.environment.retain(|(known, _)| *known != name);
        coffre.environment.push((name, value.into()));
        coffre
    }

    /// Where it is.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a verb to its end.
    pub(super) async fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> io::Result<Ended> {
        let child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut group = Group::of(&child);
        let output = child.wait_with_output().await?;
        group.0 = None;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Ended { status: output.status, stdout: output.stdout, stderr })
    }

    /// Runs a verb in the background, its log in a file; gives the first line that it prints, or nothing if it ends
    /// without one.
    pub(super) async fn start<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        log: &Path,
    ) -> io::Result<(Running, Option<String>)> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(log).spawn()?;
        let group = Group::of(&child);
        let printed = child.stdout.take().map(BufReader::new);
        let running = Running { child, group };
        let line = match printed {
            Some(printed) => printed.lines().next_line().await?,
            None => None,
        };
        Ok((running, line))
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        command
    }
}

impl Running {
    /// Its process number.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) async fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.gone().await
    }

    /// `kill -TERM`: it may finish what it has accepted.
    pub(super) async fn stop(mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = self.group.0 {
            kill_process(pid, Signal::TERM)?;
        }
        self.gone().await
    }

    /// Waits until it has ended by itself.
    pub(super) async fn gone(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.group.0 = None;
        Ok(status)
    }
}
