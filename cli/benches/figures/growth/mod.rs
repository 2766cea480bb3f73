//! How the figures change as a vault grows: each size is filled and measured in one run, and kept with the sizes of other runs in a table and a
//! plot. Nothing stands beside them: it is the slope that counts.

mod plot;
mod size;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::size::Size;
use crate::arguments::Arguments;
use crate::machine::{self, Machine};
use crate::report::say;

/// What was measured of each number of data subjects.
#[derive(Default, Serialize, Deserialize)]
struct Growth {
    sizes: BTreeMap<u64, Measured>,
}

/// One size, and what it was measured on.
#[derive(Serialize, Deserialize)]
struct Measured {
    machine: String,
    /// How much else it had to do when this began: processes that wanted a processor.
    #[serde(default)]
    load: f64,
    size: Size,
}

/// The folder of the documentation, in the source tree.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Fills and measures each size, and writes what is known after each: a run that is broken off has not been for nothing.
pub(crate) fn measure(arguments: &Arguments, on: &Machine) -> anyhow::Result<()> {
    let folder = arguments.into.clone().unwrap_or_else(docs);
    let known = folder.join("growth.json");
    let mut growth: Growth = match fs::read(&known) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not understood", known.display()))?
        }
        Err(_) => Growth::default(),
    };
    for subjects in &arguments.sizes {
        say(&format!("\n{subjects} data subjects"))?;
        let load = machine::load();
        let size =
            size::measure(arguments, *subjects).with_context(|| format!("measuring {subjects} data subjects"))?;
        growth.sizes.insert(*subjects, Measured { machine: on.to_string(), load, size });
        write(&growth, &folder)?;
    }
    say(&format!("\n{}", table::text(&growth)))?;
    Ok(say(&format!("written to {}", folder.join("GROWTH.md").display()))?)
}

fn write(growth: &Growth, folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("growth.json"), serde_json::to_string_pretty(growth)? + "\n")?;
    fs::write(folder.join("GROWTH.md"), table::page(growth))?;
    fs::write(folder.join("growth.svg"), plot::svg(growth))?;
    Ok(())
}

/// Something that is measured of every size.
struct Figure {
    what: &'static str,
    unit: &'static str,
    of: fn(&Size) -> f64,
}

/// What the table has a column for, and the plot a panel.
const FIGURES: [Figure; 14] = [
    Figure { what: "reads, 16 connections", unit: "per second", of: |size| size.reads_16.rate },
    Figure { what: "reads, 64 connections", unit: "per second", of: |size| size.reads_64.rate },
    Figure { what: "read p50, 64 connections", unit: "ms", of: |size| size.reads_64.p50 },
    Figure { what: "read p99, 16 connections", unit: "ms", of: |size| size.reads_16.p99 },
    Figure { what: "read p99, 64 connections", unit: "ms", of: |size| size.reads_64.p99 },
    Figure { what: "writes, 64 connections", unit: "per second", of: |size| size.writes_64.rate },
    Figure { what: "resident memory", unit: "MiB", of: |size| size.memory },
    Figure { what: "start to first answer", unit: "seconds", of: |size| size.start },
    Figure { what: "the same after a kill", unit: "seconds", of: |size| size.start_after_kill },
    Figure { what: "capture lag, p99", unit: "ms", of: |size| size.lag_p99 },
    Figure { what: "import", unit: "records/s", of: |size| size.import },
    Figure { what: "base backup", unit: "seconds", of: |size| size.base_seconds },
    Figure { what: "base backup", unit: "MB", of: |size| size.base_megabytes },
    Figure { what: "restore, all checked", unit: "seconds", of: |size| size.restore_seconds },
];

/// A number with its thousands apart.
fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let all = std::iter::once(head.to_owned()).filter(|head| !head.is_empty()).chain(groups);
    all.collect::<Vec<_>>().join(",")
}
