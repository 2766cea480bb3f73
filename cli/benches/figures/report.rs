//! The figures as a table on the way, and as JSON at the end.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::arguments::Arguments;
use crate::machine::Machine;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    arguments: Arguments,
    figures: BTreeMap<&'static str, Vec<Row>>,
}

/// One figure beside its baseline.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What was measured, such as `16 connections`.
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) coffre: f64,
    /// What it stands beside.
    pub(crate) baseline_is: &'static str,
    pub(crate) baseline: f64,
    /// Whether less is better, as with time.
    pub(crate) less_is_better: bool,
}

impl Row {
    /// Coffre's figure as a multiple of the baseline's.
    fn ratio(&self) -> f64 {
        if self.baseline > 0.0 { self.coffre / self.baseline } else { f64::NAN }
    }
}

impl Report {
    pub(crate) fn new(machine: Machine, arguments: Arguments) -> Self {
        Self { machine, arguments, figures: BTreeMap::new() }
    }

    /// Adds a figure and shows its rows.
    pub(crate) fn add(&mut self, name: &'static str, rows: Vec<Row>) -> io::Result<()> {
        say(&table(&rows))?;
        self.figures.insert(name, rows);
        Ok(())
    }
}

fn table(rows: &[Row]) -> String {
    let head = format!("  {:<28}{:>12} {:>12} {:>8}  {:<14}beside", "", "coffre", "baseline", "ratio", "");
    let line = |row: &Row| {
        let (coffre, baseline, ratio) = (amount(row.coffre), amount(row.baseline), format!("{:.2} ×", row.ratio()));
        let Row { what, unit, baseline_is, .. } = row;
        format!("  {what:<28}{coffre:>12} {baseline:>12} {ratio:>8}  {unit:<14}{baseline_is}")
    };
    std::iter::once(head).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

/// As many digits as mean something: three.
fn amount(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The middle one of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Tells whoever waits: on standard error, as the result may be JSON on standard output.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{text}")
}

/// Prints the result.
pub(crate) fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
