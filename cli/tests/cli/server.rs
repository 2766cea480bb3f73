//! A `coffre serve` of a test's own, on a port that the system chooses. It ends with the test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::caller::Caller;
use crate::transcript;

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    address: String,
    log: Option<JoinHandle<String>>,
}

/// A server that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

impl Server {
    /// Serves the vault `vault` of a folder, and waits until it says where.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_under(folder, &[])
    }

    /// The same with something in its environment. One that dies before it serves has no address.
    pub(crate) fn start_under(folder: &Path, environment: &[(&str, &OsStr)]) -> Self {
        Self::start_as(folder, &["serve", "--vault", "vault", "--listen", "127.0.0.1:0"], environment)
    }

    /// The same of a vault that these arguments lead to.
    pub(crate) fn start_as(folder: &Path, arguments: &[&str], environment: &[(&str, &OsStr)]) -> Self {
        let mut child = Command::new(transcript::coffre())
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary runs");
        let mut stderr = child.stderr.take().expect("it is piped");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("the log is text");
            text
        });
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it serves");
        let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
        Self { child, address, log: Some(log) }
    }

    /// The exit code and the standard error of a server that must not come up; it is ended should it do so.
    pub(crate) fn refused(folder: &Path) -> (Option<i32>, String) {
        let mut child = Command::new(transcript::coffre())
            .args(["serve", "--vault", "vault", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary runs");
        // Its first line says that it serves; a refused one ends without any.
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it can be read");
        if !line.is_empty() {
            child.kill().expect("it runs");
        }
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(line, "", "it serves");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }

    /// The status code that a GET gets, as an application with this token.
    pub(crate) fn get(&self, path: &str, token: &str) -> u16 {
        self.caller(token).get(path).status
    }

    /// An application with this token.
    pub(crate) fn caller(&self, token: &str) -> Caller {
        Caller::new(&self.address, token)
    }

    /// Where it serves; nothing, if it ended before it did.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as systemd does, and waits until it has.
    pub(crate) fn stop(mut self) -> Ended {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it runs");
        let code = self.child.wait().expect("it ends").code();
        let log = self.log.take().expect("it is taken once").join().expect("the log is read");
        Ended { code, log }
    }
}

impl Server {
    /// Kills it, as a power failure or the lack of memory does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// The same for one that may have ended already, and stays to be asked about.
    pub(crate) fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().expect("it ends");
    }

    /// Ends it, and what it said until then.
    pub(crate) fn log(mut self) -> String {
        self.end();
        self.log.take().expect("it is taken once").join().expect("the log is read")
    }

    /// Asks it to end without waiting until it has.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended already needs no end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Waits until something holds, for as long as a slow machine may need.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
