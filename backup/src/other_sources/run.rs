//! Starts the programs that read a source, and takes what they write, piece by piece. What they are asked is not known
//! here. The environment is built anew, as restic's is; whatever a program started ends with it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::ReadError;
use crate::observer::{self, Observer};
use crate::restic::Exit;

/// What a program gets of our environment.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH"];
/// How often the observer is asked whether to stop while nothing comes.
const TICK: Duration = Duration::from_millis(50);
/// How long, after its end, more of its output is waited for.
const LEFT_BEHIND: Duration = Duration::from_secs(10);
/// How much of its output can still be on its way when it has ended: what fits into a pipe, and the pieces read from it.
const ON_ITS_WAY: usize = 4 * 1024 * 1024;
/// How long a program that was told to end may take.
const GRACE: Duration = Duration::from_secs(5);
/// How much of standard error is kept.
const SAID: u64 = 16 * 1024;

/// Runs a program to its end and hands over what it writes. Succeeds only if the program did, and after all it wrote.
pub(super) fn pour(
    arguments: &[OsString],
    each: &mut dyn FnMut(&[u8]) -> Result<(), ReadError>,
    observer: &mut dyn Observer,
) -> Result<(), ReadError> {
    let mut running = Running::start(arguments)?;
    let mut ended: Option<(ExitStatus, Afterwards)> = None;
    loop {
        observer::check(observer)?;
        let asked = Instant::now();
        let received = running.pieces.recv_timeout(TICK);
        let came = received.as_ref().map_or(0, Vec::len);
        if let Some((_, afterwards)) = &mut ended {
            afterwards.note(asked.elapsed(), came);
            if afterwards.are_of_another() {
                return Err(ReadError::LeftBehind { program: running.program.clone() });
            }
        }
        match received {
            Ok(piece) => each(&piece)?,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if ended.is_none() {
            ended = running.ended()?.map(|status| (status, Afterwards::default()));
        }
    }
    let status = match ended {
        Some((status, _)) => status,
        None => running.wait(observer)?,
    };
    if status.success() { Ok(()) } else { Err(running.failed(status)) }
}

/// What came of a program's output after its end. Its own is on its way already and need not be waited for; how long
/// it takes to be taken says nothing.
#[derive(Default)]
struct Afterwards {
    waited: Duration,
    bytes: usize,
}

impl Afterwards {
    fn note(&mut self, waited: Duration, bytes: usize) {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether something else must be writing, or keeping the output open.
    fn are_of_another(&self) -> bool {
        self.waited > LEFT_BEHIND || self.bytes > ON_ITS_WAY
    }
}

/// A program that does not outlive this value, nor does what it started.
struct Running {
    program: String,
    child: Child,
    pieces: Receiver<Vec<u8>>,
    said: Receiver<Vec<u8>>,
}

impl Running {
    fn start(arguments: &[OsString]) -> Result<Self, ReadError> {
        let (program, rest) = arguments.split_first().ok_or(ReadError::Missing { program: String::new() })?;
        let shown = program.to_string_lossy().into_owned();
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ReadError::Missing { program: shown.clone() },
            _ => ReadError::Start { program: shown.clone(), source },
        };
        let passed_on = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(program)
            .args(rest)
            .env_clear()
            .envs(passed_on)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that all of it can be ended, and a key pressed at the terminal ends none of it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let pieces = stdout.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let said = stderr.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let (pieces, said) = (read_pieces(pieces).map_err(&failed)?, read_beginning(said).map_err(&failed)?);
        Ok(Self { program: shown, child, pieces, said })
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, ReadError> {
        self.child.try_wait().map_err(|source| ReadError::Start { program: self.program.clone(), source })
    }

    fn wait(&mut self, observer: &dyn Observer) -> Result<ExitStatus, ReadError> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            observer::check(observer)?;
            thread::sleep(TICK);
        }
    }

    fn failed(&self, status: ExitStatus) -> ReadError {
        let said = self.said.recv_timeout(GRACE).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
        let how = match Exit::from(status) {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("signal {signal}"),
        };
        ReadError::Ended { program: self.program.clone(), how, said: first.chars().take(200).collect() }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Nobody may be left of it.
            let _gone = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What ended by itself has been waited for, and its number may be another's by now.
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal(Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(TICK);
        }
        self.signal(Signal::KILL);
        drop(self.child.wait());
    }
}

/// The pieces of standard output; few of them wait, so a program is as slow as whoever takes them.
fn read_pieces(mut output: ChildStdout) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = sync_channel(4);
    thread::Builder::new().spawn(move || {
        let mut piece = vec![0; 256 * 1024];
        while let Some(read) = output.read(&mut piece).ok().filter(|read| *read > 0) {
            if sender.send(piece.get(..read).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// The beginning of standard error; the rest is read and dropped.
fn read_beginning(mut output: ChildStderr) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let mut kept = Vec::new();
        let beginning = output.by_ref().take(SAID).read_to_end(&mut kept);
        drop(beginning.and_then(|_| io::copy(&mut output, &mut io::sink())));
        drop(sender.send(kept));
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_waited_for_or_too_much_is_of_a_process_left_behind() {
        let piece = 256 * 1024;
        let mut own = Afterwards::default();
        // Taken one by one by whoever is slow: each is there when it is asked for.
        for _ in 0..16 {
            own.note(Duration::ZERO, piece);
        }
        assert!(!own.are_of_another());
        own.note(Duration::ZERO, 1);
        assert!(own.are_of_another(), "more than was on its way");
        let mut open = Afterwards::default();
        open.note(LEFT_BEHIND, 0);
        assert!(!open.are_of_another());
        open.note(TICK, 0);
        assert!(open.are_of_another(), "somebody keeps it open");
    }

    #[test]
    fn what_was_written_before_the_end_is_all_taken() {
        let arguments = ["head", "-c", "1000000", "/dev/zero"].map(OsString::from);
        let (mut bytes, mut nobody) = (0, ());
        let mut each = |piece: &[u8]| {
            bytes += piece.len();
            Ok(())
        };
        assert!(pour(&arguments, &mut each, &mut nobody).is_ok());
        assert_eq!(bytes, 1_000_000);
    }
}
