//! A backup and a restore beside plain restic on the same bytes.
//!
//! What Coffre's sides do more: `backup run` captures a consistent base, signs it, ships it to a destination and then has
//! restic take the same bytes; `restore` verifies the chain, decrypts every value and compares the log with its head.

use std::process::Command;

use serde::Deserialize;

use super::{Figure, rate};
use crate::arguments::Arguments;
use crate::place::bytes_below;
use crate::process;
use crate::report::Row;
use crate::vault::Bench;

pub(super) const FIGURE: Figure =
    Figure { name: "backup", about: "the whole vault to an empty destination and repository, and back", measure };

#[derive(Deserialize)]
struct Restored {
    fetch_seconds: f64,
    restore_seconds: f64,
}

fn measure(bench: &mut Bench, _arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    bench.serve()?;
    let (_, backup) = process::run(bench.coffre("backup").args(["run", "--init", "--json"]))?;
    let spool = bench.place.at("spool");
    let bytes = bytes_below(&spool)?;

    let restored = bench.place.cleared("restored")?;
    let mut restore = bench.coffre("restore");
    restore.arg("--from").arg(bench.place.at("elsewhere")).arg("--to").arg(&restored);
    restore.arg("--identity").arg(bench.place.at("recovery-identity")).arg("--json");
    let (Restored { fetch_seconds, restore_seconds }, _) = process::run_json(&mut restore)?;

    let restic = |repository: &str| {
        let mut restic = Command::new("restic");
        restic.arg("--repo").arg(bench.place.at(repository)).env("RESTIC_CACHE_DIR", bench.place.at("restic-cache"));
        restic.arg("--password-file").arg(bench.place.at("restic-password"));
        restic
    };
    bench.place.cleared("restic-plain")?;
    process::run(restic("restic-plain").arg("init"))?;
    let (_, plain_backup) = process::run(restic("restic-plain").arg("backup").arg(&spool))?;
    let to = bench.place.cleared("restored-plain")?;
    let (_, plain_restore) = process::run(restic("restic-plain").args(["restore", "latest", "--target"]).arg(&to))?;

    let row = |what: &str, seconds: f64, baseline_is, baseline: f64| Row {
        what: what.to_owned(),
        unit: "MB/s",
        coffre: rate(bytes, seconds),
        baseline_is,
        baseline: rate(bytes, baseline),
        less_is_better: false,
    };
    let (plain_backup, plain_restore) = (plain_backup.as_secs_f64(), plain_restore.as_secs_f64());
    Ok(vec![
        row(&format!("backup of {:.0} MB", rate(bytes, 1.0)), backup.as_secs_f64(), "restic backup", plain_backup),
        row("restore, blind half", fetch_seconds, "restic restore", plain_restore),
        row("restore, all checked", restore_seconds, "restic restore", plain_restore),
    ])
}
