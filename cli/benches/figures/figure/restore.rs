//! A restore of about 1 GiB (10,000 data subjects) beside restic on the same bytes. What `restore` does more: it verifies the
//! chain, decrypts every value, and compares the log with its head.

use serde::Deserialize;

use super::backup::{plain_backup, plain_restic};
use super::{Figure, rate};
use crate::arguments::Arguments;
use crate::place::bytes_below;
use crate::process;
use crate::report::{Row, median, say};
use crate::vault::Bench;

pub(super) const FIGURE: Figure =
    Figure { name: "restore", about: "a restore from a destination, beside restic on the same bytes", measure };

#[derive(Deserialize)]
struct Restored {
    fetch_seconds: f64,
    restore_seconds: f64,
}

fn measure(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    bench.serve()?;
    process::run(bench.coffre("backup").args(["run", "--base", "--init", "--json"]))?;
    bench.stop()?;
    plain_backup(bench)?;
    let bytes = bytes_below(&bench.place.at("elsewhere"))?;
    say(&format!("  {:.0} MB; 10,000 data subjects make about 1 GiB", rate(bytes, 1.0)))?;
    let (mut blind, mut whole, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds.max(1) {
        let restored = bench.place.cleared("restored")?;
        let mut restore = bench.coffre("restore");
        restore.arg("--from").arg(bench.place.at("elsewhere")).arg("--to").arg(&restored);
        restore.arg("--identity").arg(bench.place.at("recovery-identity")).arg("--json");
        let (Restored { fetch_seconds, restore_seconds }, _) = process::run_json(&mut restore)?;
        blind.push(fetch_seconds);
        whole.push(restore_seconds);
        let to = bench.place.cleared("restored-plain")?;
        let (_, took) = process::run(plain_restic(bench).args(["restore", "latest", "--target"]).arg(&to))?;
        plain.push(took.as_secs_f64());
    }
    let (plain, blind, whole) = (median(plain), median(blind), median(whole));
    let row = |what: &str, unit, less_is_better, figure: &dyn Fn(f64) -> f64, seconds: f64| Row {
        what: what.to_owned(),
        unit,
        coffre: figure(seconds),
        baseline_is: "restic restore",
        baseline: figure(plain),
        less_is_better,
    };
    let speed = |seconds: f64| rate(bytes, seconds);
    // As if it were 1 GiB exactly.
    let seconds_for_1_gib = |seconds: f64| 1_073.741_824 / rate(bytes, seconds);
    Ok(vec![
        row("blind half", "MB/s", false, &speed, blind),
        row("everything checked", "MB/s", false, &speed, whole),
        row("everything checked, 1 GiB", "seconds", true, &seconds_for_1_gib, whole),
    ])
}
