//! The one place that starts processes. What restic is asked, and what its answers mean, is not
//! known here.
//!
//! The environment of the process is built anew, so that nothing of ours leaks into it; secrets
//! reach it as names of files, never on a command line. It is always waited for: when the caller
//! goes away it is interrupted (restic then removes its lock), and killed if that does not help.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::silence::Silence;
use crate::observer::{self, Cancelled, Observer};

/// What a process gets of our environment: where programs, caches and SSH agents are.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SSH_AUTH_SOCK"];
/// How much of standard error is kept. The rest is read and dropped.
const STDERR_KEPT: usize = 16 * 1024;
/// How often the observer is asked whether to stop while nothing happens.
const TICK: Duration = Duration::from_millis(50);
/// How long an interrupted process may take to remove its lock.
const GRACE: Duration = Duration::from_secs(5);
/// How long after that its input ends: long enough to have heard of the interruption.
const HEARD: Duration = Duration::from_millis(500);
/// How long a process that is written to may take before it reads. Until then it makes its lock, and would leave that
/// behind if it was interrupted.
const READS: Duration = Duration::from_secs(20);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// A process to start.
pub(super) struct Invocation<'a> {
    /// The program.
    pub(super) program: &'a Path,
    /// Its arguments; no secrets among them.
    pub(super) arguments: Vec<OsString>,
    /// Added to what is passed on of our environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// The folder it runs in.
    pub(super) folder: Option<&'a Path>,
    /// A locked file, whose lock is not free before the process has ended, too.
    pub(super) lock: Option<File>,
}

/// How a process ended and the beginning of what it said on standard error.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) stderr: String,
}

/// A process that could not be run to its end.
#[derive(Debug)]
pub(super) enum RunError {
    /// It did not start.
    Start(io::Error),
    /// It could not be read or waited for.
    Wait(io::Error),
    /// The observer asked to stop.
    Cancelled(Cancelled),
}

/// Is given each piece of standard output.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8], &mut dyn Observer);

/// Runs a process to its end.
pub(super) fn run(invocation: Invocation<'_>, sink: Sink<'_>, observer: &mut dyn Observer) -> Result<Ended, RunError> {
    let mut process = Process::start(invocation).map_err(RunError::Start)?;
    let pieces = process.stdout().map_err(RunError::Wait)?;
    let stderr = process.stderr().map_err(RunError::Wait)?;
    let exit = to_end(&mut process, &pieces, sink, observer)?;
    Ok(Ended { exit, stderr: stderr.text() })
}

/// Takes what a process says until it has ended, and says nothing more.
fn to_end(
    process: &mut Process,
    pieces: &Receiver<Vec<u8>>,
    sink: Sink<'_>,
    observer: &mut dyn Observer,
) -> Result<Exit, RunError> {
    let mut silence: Option<Silence> = None;
    loop {
        observer::check(observer).map_err(RunError::Cancelled)?;
        match pieces.recv_timeout(TICK) {
            Ok(piece) => {
                sink(&piece, observer);
                if let Some(silence) = &mut silence {
                    silence.broken(Instant::now());
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if silence.as_ref().is_some_and(|silence| silence.is_the_end(Instant::now())) {
                    break;
                }
                if silence.is_none() {
                    let exit = process.ended().map_err(RunError::Wait)?;
                    silence = exit.map(|exit| Silence::of(exit, Instant::now()));
                }
            }
        }
    }
    match silence {
        Some(silence) => Ok(silence.exit()),
        None => process.wait(observer),
    }
}

/// Starts a process that is written to. What is not finished is no end: the process is interrupted first and only then
/// finds its input ended.
pub(super) fn feed(invocation: Invocation<'_>) -> Result<Fed, RunError> {
    let mut process = Process::start_with(invocation, Stdio::piped()).map_err(RunError::Start)?;
    let pieces = process.stdout().map_err(RunError::Wait)?;
    let stderr = process.stderr().map_err(RunError::Wait)?;
    let input = process.child.stdin.take();
    Ok(Fed { process, input, pieces, stderr, answer: Vec::new(), written: 0 })
}

/// A process that is written to.
pub(super) struct Fed {
    process: Process,
    input: Option<ChildStdin>,
    pieces: Receiver<Vec<u8>>,
    stderr: Stderr,
    answer: Vec<u8>,
    written: u64,
}

impl Fed {
    /// How many bytes were written to it.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Ends its input and waits for its end.
    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Result<(Vec<u8>, Ended), RunError> {
        drop(self.input.take());
        let mut answer = self.answer;
        let exit = to_end(&mut self.process, &self.pieces, &mut |piece, _| answer.extend_from_slice(piece), observer)?;
        Ok((answer, Ended { exit, stderr: self.stderr.text() }))
    }

    /// How it ended, if it did before its input has. Otherwise it is stopped.
    pub(super) fn ended_by_itself(mut self) -> Option<Ended> {
        // One byte that it may take, of what will never be finished.
        let _closed = if self.written == 0 { self.write(&[0]) } else { Ok(0) };
        let began = Instant::now();
        loop {
            if let Ok(Some(exit)) = self.process.ended() {
                return Some(Ended { exit, stderr: self.stderr.text() });
            }
            // Its input may be closed a moment before it has ended.
            let patience = if self.reads() { HEARD } else { READS };
            if began.elapsed() > patience {
                self.stop();
                return None;
            }
            thread::sleep(TICK);
        }
    }

    /// Whether it has taken any of what was written to it.
    fn reads(&self) -> bool {
        let unread = self.input.as_ref().and_then(|input| rustix::io::ioctl_fionread(input).ok());
        unread.is_some_and(|unread| unread < self.written)
    }

    fn stop(&mut self) {
        self.process.interrupt();
        // It waits for its input and may hear nothing else. By now it knows that this end is none.
        thread::sleep(HEARD);
        drop(self.input.take());
        let _ended = self.process.wait_until(Instant::now() + GRACE);
    }

    fn drain(&mut self) {
        while let Ok(piece) = self.pieces.try_recv() {
            self.answer.extend_from_slice(&piece);
        }
    }
}

impl Write for Fed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // So that it never waits for somebody to read what it says.
        self.drain();
        let written = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A process that does not outlive this value.
struct Process {
    child: Child,
}

impl Process {
    fn start(mut invocation: Invocation<'_>) -> io::Result<Self> {
        // Nobody is there to answer a question. What it has open of ours stays locked as long as it is there.
        let input = invocation.lock.take().map_or_else(Stdio::null, Stdio::from);
        Self::start_with(invocation, input)
    }

    fn start_with(invocation: Invocation<'_>, input: Stdio) -> io::Result<Self> {
        let mut command = Command::new(invocation.program);
        let passed_on = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command
            .args(invocation.arguments)
            .env_clear()
            .envs(passed_on)
            .env("LC_ALL", "C")
            .envs(invocation.environment)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = invocation.folder {
            command.current_dir(folder);
        }
        Ok(Self { child: command.spawn()? })
    }

    /// The pieces of its standard output; the channel ends with it.
    fn stdout(&mut self) -> io::Result<Receiver<Vec<u8>>> {
        let mut output = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, receiver) = sync_channel(16);
        thread::Builder::new().spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            while let Some(read) = output.read(&mut piece).ok().filter(|read| *read > 0) {
                if sender.send(piece.get(..read).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        })?;
        Ok(receiver)
    }

    fn stderr(&mut self) -> io::Result<Stderr> {
        let mut output = self.child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (sender, receiver) = sync_channel(1);
        let thread = thread::Builder::new().spawn(move || {
            let mut kept = Vec::new();
            let beginning = output.by_ref().take(STDERR_KEPT as u64).read_to_end(&mut kept);
            drop(beginning.and_then(|_| io::copy(&mut output, &mut io::sink())));
            drop(sender.send(kept));
        })?;
        Ok(Stderr { receiver, thread })
    }

    fn ended(&mut self) -> io::Result<Option<Exit>> {
        Ok(self.child.try_wait()?.map(Exit::from))
    }

    fn wait(&mut self, observer: &dyn Observer) -> Result<Exit, RunError> {
        loop {
            if let Some(exit) = self.ended().map_err(RunError::Wait)? {
                return Ok(exit);
            }
            observer::check(observer).map_err(RunError::Cancelled)?;
            thread::sleep(TICK);
        }
    }

    /// Whether it has ended by then.
    fn wait_until(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    fn interrupt(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already; then there is nothing to interrupt.
            let _ended_already = kill_process(pid, Signal::INT);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not waited for yet, so its number cannot have passed to another process.
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.interrupt();
        if self.wait_until(Instant::now() + GRACE) {
            return;
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The beginning of standard error, read beside standard output so that neither blocks the other.
struct Stderr {
    receiver: Receiver<Vec<u8>>,
    thread: JoinHandle<()>,
}

impl Stderr {
    fn text(self) -> String {
        // A process left behind may hold it open; what the process itself said is there by now.
        let kept = self.receiver.recv_timeout(GRACE).unwrap_or_default();
        drop(self.thread);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

/// Whether a process of this number is there, be it ours or not.
pub(super) fn is_there(number: i32) -> bool {
    let pid = Pid::from_raw(number);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Whether a process of this number is there that this one may send no signal to.
pub(super) fn is_anothers(number: i32) -> bool {
    let pid = Pid::from_raw(number);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::PERM))
}

/// Where a program is: as given if it names a folder, otherwise the first in PATH.
pub(super) fn find(program: &OsStr) -> Option<PathBuf> {
    let given = Path::new(program);
    if given.components().count() > 1 {
        return is_executable(given).then(|| given.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(given)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}
