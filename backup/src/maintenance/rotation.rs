//! Which parts of a repository are read next, so that all of it is read within a period. Pure.

use std::collections::BTreeMap;

use coffre_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::objective;

const DAY: i64 = 86_400;

/// The declared period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Within so many days everything is read.
    pub days: u32,
    /// In so many parts. restic takes 256 at most.
    pub parts: u8,
}

/// When each part was read last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Of how many parts these are.
    pub of: u8,
    /// When which was read.
    pub read: BTreeMap<u8, Timestamp>,
}

impl Reading {
    /// The same, for a rotation of another number of parts: then nothing is known to be read.
    pub(super) fn for_rotation(self, rotation: Rotation) -> Self {
        if self.of == rotation.parts { self } else { Self { of: rotation.parts, read: BTreeMap::new() } }
    }

    /// When a part was read. One read in the future was read at no time that is known.
    fn when(&self, part: u8, now: Timestamp) -> Option<Timestamp> {
        self.read.get(&part).copied().filter(|time| !objective::is_in_future(objective::age(*time, now)))
    }

    /// The parts to read now, the longest unread first: as many as keep pace with the time since the last one was
    /// read, and at least one.
    pub fn next(&self, rotation: Rotation, now: Timestamp) -> Vec<u8> {
        let mut parts: Vec<u8> = (1..=rotation.parts).collect();
        parts.sort_by_key(|part| (self.when(*part, now), *part));
        let period = i64::from(rotation.days) * DAY;
        let newest = parts.iter().filter_map(|part| self.when(*part, now)).max();
        // The first time there is a whole period before it: one part begins it.
        let since = newest.map_or(0, |newest| now.as_seconds() - newest.as_seconds());
        let due = (since * i64::from(rotation.parts) + period - 1).checked_div(period).unwrap_or(1);
        // Hours between runs vary: a run a little later than the one before is no reason to read two.
        let slack = period / i64::from(rotation.parts.max(1)) / 2;
        let due = if since <= period / i64::from(rotation.parts.max(1)) + slack { 1 } else { due };
        parts.truncate(usize::try_from(due.max(1)).unwrap_or(usize::MAX));
        parts
    }

    /// Since when everything was read; none if something never was.
    pub fn whole_since(&self, rotation: Rotation, now: Timestamp) -> Option<Timestamp> {
        let times = (1..=rotation.parts).map(|part| self.when(part, now));
        if self.of == rotation.parts { times.min().flatten() } else { None }
    }

    /// How many parts were not read within the period.
    pub fn overdue(&self, rotation: Rotation, now: Timestamp) -> usize {
        let earliest = now.plus_seconds(-i64::from(rotation.days) * DAY);
        let late = |part: &u8| self.when(*part, now).is_none_or(|time| time < earliest);
        (1..=rotation.parts).filter(late).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Rotation = Rotation { days: 28, parts: 4 };

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(number * DAY)
    }

    /// Runs on these days, and what each of them read.
    fn runs(days: impl IntoIterator<Item = i64>, rotation: Rotation) -> (Vec<Vec<u8>>, Reading) {
        let mut reading = Reading { of: rotation.parts, read: BTreeMap::new() };
        let mut all = Vec::new();
        for number in days {
            let parts = reading.next(rotation, day(number));
            reading.read.extend(parts.iter().map(|part| (*part, day(number))));
            all.push(parts);
        }
        (all, reading)
    }

    #[test]
    fn each_run_reads_the_part_that_was_not_read_for_longest() {
        let (all, reading) = runs([0, 7, 14, 21, 28], FOUR);
        assert_eq!(all, [[1], [2], [3], [4], [1]]);
        assert_eq!(reading.overdue(FOUR, day(28)), 0);
        assert_eq!(reading.whole_since(FOUR, day(28)), Some(day(7)));
    }

    #[test]
    fn whoever_runs_seldom_reads_more_at_once_and_keeps_within_the_period() {
        for every in 1..=28 {
            let rotation = Rotation { days: 28, parts: 28 };
            let (_, reading) = runs((0..=112).step_by(every), rotation);
            let last = 112 - 112 % i64::try_from(every).unwrap_or(1);
            assert_eq!(reading.overdue(rotation, day(last)), 0, "every {every} days");
        }
    }

    #[test]
    fn what_was_not_read_in_time_is_counted() {
        let (_, reading) = runs([0, 7], FOUR);
        assert_eq!(reading.overdue(FOUR, day(8)), 2);
        assert_eq!(reading.whole_since(FOUR, day(8)), None);
        assert_eq!(reading.overdue(FOUR, day(30)), 3);
    }

    #[test]
    fn a_clock_that_jumps_lets_nothing_pass_for_read() {
        let mut reading = Reading { of: 4, read: BTreeMap::new() };
        reading.read.extend([(1, day(5000)), (2, day(10))]);
        assert_eq!(reading.next(FOUR, day(11)), [1], "read in the future is not read");
        assert_eq!(reading.overdue(FOUR, day(11)), 3);
    }

    #[test]
    fn another_number_of_parts_begins_anew() {
        let (_, reading) = runs([0, 7, 14, 21], FOUR);
        let other = Rotation { days: 28, parts: 7 };
        assert_eq!(reading.whole_since(other, day(22)), None);
        assert_eq!(reading.for_rotation(other).overdue(other, day(22)), 7);
    }
}
