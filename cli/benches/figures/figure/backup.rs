//! A backup beside plain restic on the same bytes. What `backup run` does more: it captures a consistent base, signs it, ships
//! it to a destination, and then has restic take the same bytes.

use std::process::Command;

use super::{Figure, rate};
use crate::arguments::Arguments;
use crate::place::bytes_below;
use crate::process;
use crate::report::Row;
use crate::vault::Bench;

pub(super) const FIGURE: Figure =
    Figure { name: "backup", about: "the whole vault to an empty destination and repository", measure };

fn measure(bench: &mut Bench, _arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    bench.serve()?;
    let (_, backup) = process::run(bench.coffre("backup").args(["run", "--init", "--json"]))?;
    let bytes = bytes_below(&bench.place.at("spool"))?;
    let plain = plain_backup(bench)?;
    Ok(vec![Row {
        what: format!("backup of {:.0} MB", rate(bytes, 1.0)),
        unit: "MB/s",
        coffre: rate(bytes, backup.as_secs_f64()),
        baseline_is: "restic backup",
        baseline: rate(bytes, plain),
        less_is_better: false,
    }])
}

/// Has restic alone take the spool into a new repository; the seconds that it took.
pub(super) fn plain_backup(bench: &Bench) -> anyhow::Result<f64> {
    bench.place.cleared(PLAIN)?;
    process::run(plain_restic(bench).arg("init"))?;
    let (_, took) = process::run(plain_restic(bench).arg("backup").arg(bench.place.at("spool")))?;
    Ok(took.as_secs_f64())
}

const PLAIN: &str = "restic-plain";

/// restic alone, with a repository of its own.
pub(super) fn plain_restic(bench: &Bench) -> Command {
    let mut restic = Command::new("restic");
    restic.arg("--repo").arg(bench.place.at(PLAIN)).env("RESTIC_CACHE_DIR", bench.place.at("restic-cache"));
    restic.arg("--password-file").arg(bench.place.at("restic-password"));
    restic
}
