//! Series over 90 days for charts: a value a day. Pure.

use std::collections::BTreeMap;

use coffre_backup::measure::{KEPT_DAYS, Measurement};
use coffre_core::drill::DrillResult;
use coffre_core::time::Timestamp;

const DAY: i64 = 86_400;

/// A line of a chart: values by days ago, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(i64, u64)>,
}

/// Days between two moments; none where the first is too long ago, or not before the second.
fn days_ago(time: Timestamp, at: Timestamp) -> Option<i64> {
    let days = (at.as_seconds() - time.as_seconds()).div_euclid(DAY);
    (0..KEPT_DAYS).contains(&days).then_some(days)
}

/// The worst lag of each day, by destination, in seconds.
pub(super) fn lag(measurements: &[Measurement], at: Timestamp) -> Vec<Series> {
    by_day(measurements, at, |measurement| u64::try_from(measurement.age?).ok())
}

/// The largest size of each day, by destination, in bytes.
pub(super) fn sizes(measurements: &[Measurement], at: Timestamp) -> Vec<Series> {
    by_day(measurements, at, |measurement| measurement.bytes)
}

fn by_day(measurements: &[Measurement], at: Timestamp, value: impl Fn(&Measurement) -> Option<u64>) -> Vec<Series> {
    let mut found: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    for measurement in measurements {
        let (Some(day), Some(value)) = (days_ago(measurement.time, at), value(measurement)) else { continue };
        let known = found.entry(&measurement.name).or_default().entry(day).or_default();
        *known = (*known).max(value);
    }
    into_series(found)
}

/// How long drills that passed took, by destination, in milliseconds; the longest of each day.
pub(super) fn restore_times(drills: &[DrillResult], at: Timestamp) -> Vec<Series> {
    let mut found: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    for drill in drills.iter().filter(|drill| drill.passed()) {
        let Some(day) = days_ago(drill.ended, at) else { continue };
        let known = found.entry(&drill.destination).or_default().entry(day).or_default();
        *known = (*known).max(drill.milliseconds.total());
    }
    into_series(found)
}

fn into_series(found: BTreeMap<&str, BTreeMap<i64, u64>>) -> Vec<Series> {
    let series = |(name, days): (&str, BTreeMap<i64, u64>)| Series {
        name: name.to_owned(),
        points: days.into_iter().rev().collect(),
    };
    found.into_iter().map(series).collect()
}
