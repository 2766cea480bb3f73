//! The library under the file calls of a process, and the plan that tells it what to do. It is compiled once.

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// "Input/output error": what a broken disk answers.
pub(crate) const EIO: u32 = 5;

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The process ends, and the call was not made.
    KillBefore,
    /// The process ends after it.
    KillAfter,
    /// It is not made, and fails with this number.
    Fail(u32),
    /// It is made, and reported to have failed with this number.
    FailAfter(u32),
    /// It waits for so many milliseconds first.
    Delay(u32),
    /// No call: the wall clock is off by so many seconds.
    Clock(i64),
}

/// One line of a plan. The call and the pattern of paths are as in `shim.c`; the call that is meant is counted from 1,
/// and 0 means all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) fault: Fault,
    pub(crate) call: &'static str,
    pub(crate) path: &'static str,
    pub(crate) nth: usize,
}

impl Rule {
    pub(crate) const fn new(fault: Fault, call: &'static str, path: &'static str, nth: usize) -> Self {
        Self { fault, call, path, nth }
    }

    pub(crate) const fn clock(seconds: i64) -> Self {
        Self::new(Fault::Clock(seconds), "*", "*", 0)
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, path, nth, .. } = self;
        match self.fault {
            Fault::KillBefore => write!(f, "kill-before {call} {path} {nth}"),
            Fault::KillAfter => write!(f, "kill-after {call} {path} {nth}"),
            Fault::Fail(number) => write!(f, "fail {call} {path} {nth} {number}"),
            Fault::FailAfter(number) => write!(f, "fail-after {call} {path} {nth} {number}"),
            Fault::Delay(milliseconds) => write!(f, "delay {call} {path} {nth} {milliseconds}"),
            Fault::Clock(seconds) => write!(f, "clock {call} {path} {nth} {seconds}"),
        }
    }
}

/// The library for the processes of one test.
pub(crate) struct Shim {
    library: PathBuf,
    home: tempfile::TempDir,
    root: PathBuf,
}

impl Shim {
    /// Looks at files below a folder only.
    pub(crate) fn below(root: &Path) -> Self {
        let shim = Self { library: library(), home: tempfile::tempdir().expect("a folder"), root: root.to_owned() };
        shim.plan(&[]);
        shim
    }

    /// What a process is started with to be under it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut environment = self.recording();
        environment.retain(|(name, _)| *name != "COFFRE_FAULTS_LOG");
        environment
    }

    /// The same, with everything recorded.
    pub(crate) fn recording(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("COFFRE_FAULTS_ROOT", self.root.clone().into()),
            ("COFFRE_FAULTS_PLAN", self.home.path().join("plan").into()),
            ("COFFRE_FAULTS_LOG", self.log().into()),
        ]
    }

    /// Where it records.
    pub(crate) fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// From the next call on these rules hold, and no others.
    pub(crate) fn plan(&self, rules: &[Rule]) {
        let lines: Vec<String> = rules.iter().map(Rule::to_string).collect();
        let new = self.home.path().join("plan.new");
        fs::write(&new, lines.join("\n")).expect("written");
        fs::rename(new, self.home.path().join("plan")).expect("renamed");
    }
}

/// An environment as processes are given it.
pub(crate) fn borrowed<'e>(environment: &'e [(&'static str, OsString)]) -> Vec<(&'static str, &'e OsStr)> {
    environment.iter().map(|(name, value)| (*name, value.as_os_str())).collect()
}

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crashes/shim.c");

fn library() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = fs::read(SOURCE).expect("it is there");
    let sum = text.iter().fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(*byte));
    let library = folder.join(format!("faults-{sum:016x}.so"));
    if !library.exists() {
        // Tests are processes that begin at the same time: each compiles under a name of its own.
        let own = folder.join(format!("faults-{}.so", std::process::id()));
        let compiled = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([own.as_os_str(), SOURCE.as_ref(), "-ldl".as_ref(), "-lpthread".as_ref()])
            .output()
            .expect("there is a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        fs::rename(own, &library).expect("renamed");
    }
    library
}
