//! Measurements over time: how far each destination lags and how much it holds, one line a time, kept for 90 days. What
//! charts are drawn from; nothing is decided by it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use coffre_core::spool::{Generation, Pinned};

use crate::destination::{Source, SourceError};
use crate::durable;
use crate::observer::Observer;
use crate::sources::Sources;

const FILE: &str = "measurements.jsonl";
/// How long measurements are kept.
pub const KEPT_DAYS: i64 = 90;

/// Measurements that cannot be read or written.
#[derive(Debug, Error)]
#[error("{path} cannot be read or written ({source}): check its permissions and free space", path = path.display())]
pub struct MeasurementError {
    /// The file.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// One look at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// When.
    pub time: Timestamp,
    /// The destination.
    pub name: String,
    /// Seconds since its newest moment was captured; absent if it could not be looked at, or holds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// Seconds that it is behind the spool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<i64>,
    /// Bytes that it holds: databases, segments, manifests, and the documents of the newest base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The measurements in a folder, oldest first. A line that was cut off or damaged is left out: the report must not fail
/// for want of a chart.
pub fn load(folder: &Path) -> Result<Vec<Measurement>, MeasurementError> {
    let path = folder.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            let lines = bytes.split(|byte| *byte == b'\n');
            Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(MeasurementError { path, source }),
    }
}

/// Adds measurements and drops those that are too old.
pub fn add(folder: &Path, new: Vec<Measurement>, now: Timestamp) -> Result<(), MeasurementError> {
    let mut all = load(folder)?;
    let oldest = now.plus_seconds(-KEPT_DAYS * 86_400);
    all.retain(|measurement| measurement.time >= oldest);
    all.extend(new);
    let path = folder.join(FILE);
    let lines: Result<Vec<String>, _> = all.iter().map(serde_json::to_string).collect();
    let text = lines.map(|lines| lines.join("\n") + "\n").map_err(io::Error::from);
    let written = text.and_then(|text| durable::replace(&path, text.as_bytes(), 0o640));
    written.map_err(|source| MeasurementError { path, source })
}

/// How many bytes a place holds: what is listed, and the documents that the newest base names.
pub fn held_bytes(place: &dyn Source, pinned: &Pinned, observer: &mut dyn Observer) -> Result<u64, SourceError> {
    let surveyed = Sources::both(place).survey(pinned, observer)?;
    let manifests = surveyed.survey.main.generations().flat_map(|(_, generation)| Generation::manifests(generation));
    let newest = manifests.max_by_key(|signed| signed.manifest.heading.time);
    Ok(surveyed.listing.values().sum::<u64>() + newest.map_or(0, |signed| signed.manifest.documents.bytes))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const GOLDEN: &str = include_str!("measure/golden.jsonl");

    #[test]
    fn measurements_are_the_documented_lines_and_end_after_ninety_days() {
        let folder = tempfile::tempdir().unwrap();
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let measured = |time: Timestamp, name: &str, age| Measurement {
            time,
            name: name.to_owned(),
            age,
            behind: age.map(|_| 0),
            bytes: age.map(|_| 48_000_000),
        };
        add(folder.path(), vec![measured(start, "old", Some(1))], start).unwrap();
        let later = start.plus_seconds(KEPT_DAYS * 86_400 + 1);
        add(folder.path(), vec![measured(later, "building-b", Some(2)), measured(later, "offsite", None)], later)
            .unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), GOLDEN);
        // A cut-off line costs itself alone.
        fs::write(folder.path().join(FILE), format!("{GOLDEN}{{\"time\":")).unwrap();
        assert_eq!(load(folder.path()).unwrap().len(), 2);
        // So does one that is no text at all.
        let damaged = [GOLDEN.as_bytes(), b"\xff\xfe\n", GOLDEN.as_bytes()].concat();
        fs::write(folder.path().join(FILE), damaged).unwrap();
        assert_eq!(load(folder.path()).unwrap().len(), 4);
    }
}
