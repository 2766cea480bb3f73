//! What the figures were taken on: without it they say nothing.

use std::fmt;
use std::fs;
use std::process::Command;

use serde::Serialize;

/// A machine, and what was measured on it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
    commit: String,
    profile: &'static str,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let line = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let found = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            found.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let kib = line("/proc/meminfo", "MemTotal").split(' ').next().and_then(|kib| kib.parse::<u64>().ok());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".to_owned());
        Self {
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            processor: line("/proc/cpuinfo", "model name"),
            memory_gib: kib.map_or(0, |kib| kib.div_ceil(1024 * 1024)),
            kernel: kernel.trim().to_owned(),
            commit: commit(),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        }
    }
}

/// Processes that wanted a processor within the last minute, on average.
pub(crate) fn load() -> f64 {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// What is measured, as git names it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match git(&["describe", "--always", "--dirty", "--abbrev=12"]) {
        Some(commit) if !commit.is_empty() => commit,
        _ => "unknown".to_owned(),
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, memory_gib, kernel, commit, profile } = self;
        write!(f, "{cores} × {processor}, {memory_gib} GiB, Linux {kernel}; commit {commit}, profile {profile}")
    }
}
