//! The command line of the benchmarks: `make bench ARGS="--subjects 100000"`.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::load::Generator;

/// Measures Coffre beside its baselines, on this machine.
#[derive(Debug, Clone, Parser, Serialize)]
#[command(name = "make bench ARGS=…", disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    #[serde(skip)]
    pub(crate) verb: Option<Verb>,
    /// How many data subjects the vault has
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) subjects: u64,
    /// Connections at a time, one run for each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 16, 64])]
    pub(crate) connections: Vec<usize>,
    /// How long each run over HTTP takes, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Runs of each side, one after the other in turn; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Who sends requests: the generator of these benchmarks, or wrk (reads only), which costs more of the machine
    #[arg(long, value_name = "NAME", default_value = "own")]
    pub(crate) load: Generator,
    /// Only these figures: import, reads, writes, documents, backup, restore, lag, change; steady, which is taken only when it is named
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// How long the steady load of `--only steady` takes
    #[arg(long, value_name = "MINUTES", default_value_t = 30.0)]
    pub(crate) minutes: f64,
    /// Print one JSON object at the end instead of where it was written
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the figures are written; otherwise target/bench/figures.json
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the vault in this directory, and use the one that is there
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Measure this program instead of the one built with the benchmarks
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) coffre: Option<PathBuf>,
    /// Measure how everything grows instead: a vault of each size without copies of contracts, then a table and a plot
    #[arg(long)]
    pub(crate) growth: bool,
    /// The sizes, in data subjects; those that other runs measured stay in the table. A million takes some 13 GB of disk for a while
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], requires = "growth")]
    pub(crate) sizes: Vec<u64>,
    /// Where the table and the plot go; otherwise docs/
    #[arg(long, value_name = "DIR", requires = "growth")]
    pub(crate) into: Option<PathBuf>,
    /// Said by cargo
    #[arg(long, hide = true)]
    #[serde(skip)]
    bench: bool,
}

/// The other processes of a benchmark are this program too.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Verb {
    /// Sends requests as standard input says, and says on standard output how long they took
    #[command(hide = true)]
    Load,
    /// The same for changes at a steady rate
    #[command(hide = true)]
    LoadPaced,
    /// The same for everything at once
    #[command(hide = true)]
    LoadMixed,
    /// Serves the bare handler that audited reads are compared with
    #[command(hide = true)]
    Bare,
}

impl Arguments {
    /// Whether a figure is asked for.
    pub(crate) fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.names(figure)
    }

    /// Whether a figure is asked for by its name.
    pub(crate) fn names(&self, figure: &str) -> bool {
        self.only.iter().any(|name| name == figure)
    }

    /// Where the figures are written.
    pub(crate) fn file(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| target().join("bench/figures.json"))
    }

    /// The program that is measured.
    pub(crate) fn program(&self) -> &Path {
        self.coffre.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_coffre")))
    }
}

/// The folder that cargo builds into: two above the program.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_coffre")).ancestors().nth(2).unwrap_or(Path::new("target")).to_owned()
}
