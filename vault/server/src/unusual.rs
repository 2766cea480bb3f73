//! Reads that leave their usual range: an operator who reads far more records within an hour than in the busiest hour
//! of the week before. Said once an hour, as a count and as one line of the server's log, which names the application
//! and no person: the audit log has the names. What is usual is learnt anew at each start. The time is passed in.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;

/// What is out of the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertLimits {
    /// So many records within an hour are never out of the usual.
    pub reads_floor: u32,
    /// So many times the busiest hour of the week before are.
    pub reads_factor: u32,
}

impl Default for AlertLimits {
    fn default() -> Self {
        Self { reads_floor: 200, reads_factor: 3 }
    }
}

const HOUR: i64 = 60 * 60;
const WEEK: i64 = 7 * 24;
/// Beyond so many operators, those who have read nothing for a week are forgotten, then all.
const REMEMBERED: usize = 10_000;

/// Reads beyond the usual: told once for each hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual {
    /// Records within this hour so far.
    pub(crate) reads: u32,
    /// Records within the busiest hour of the week before.
    pub(crate) usual: u32,
}

/// What one operator of an application read: this hour, and the hours of the last week in which they read at all.
#[derive(Debug, Default)]
struct Reads {
    hour: i64,
    now: u32,
    told: bool,
    before: VecDeque<(i64, u32)>,
}

impl Reads {
    fn count(&mut self, records: u32, hour: i64, limits: AlertLimits) -> Option<Unusual> {
        if self.hour != hour {
            if self.now > 0 {
                self.before.push_back((self.hour, self.now));
            }
            (self.hour, self.now, self.told) = (hour, 0, false);
            self.before.retain(|(past, _)| hour - past <= WEEK);
        }
        self.now = self.now.saturating_add(records);
        let usual = self.before.iter().map(|(_, reads)| *reads).max().unwrap_or(0);
        let most = usual.saturating_mul(limits.reads_factor).max(limits.reads_floor);
        if self.told || self.now <= most {
            return None;
        }
        self.told = true;
        Some(Unusual { reads: self.now, usual })
    }
}

/// Watches over reads.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    limits: AlertLimits,
    reads: Mutex<HashMap<(ApplicationId, Option<String>), Reads>>,
}

impl Watch {
    pub(crate) fn new(limits: AlertLimits) -> Self {
        Self { limits, reads: Mutex::default() }
    }

    /// Counts records that were disclosed.
    pub(crate) fn count(
        &self,
        application: ApplicationId,
        operator: Option<&str>,
        records: usize,
        now: Timestamp,
    ) -> Option<Unusual> {
        let hour = now.as_seconds() / HOUR;
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        let mut reads = self.lock();
        if reads.len() >= REMEMBERED {
            reads.retain(|_, known| hour - known.hour <= WEEK);
        }
        if reads.len() >= REMEMBERED {
            reads.clear();
        }
        reads.entry((application, operator.map(str::to_owned))).or_default().count(records, hour, self.limits)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(ApplicationId, Option<String>), Reads>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRM: ApplicationId = ApplicationId::from_bytes([1; 16]);

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * HOUR * 1_000_000 + 1)
    }

    #[test]
    fn what_is_far_beyond_the_busiest_hour_is_told_once_an_hour() {
        let watch = Watch::new(AlertLimits { reads_floor: 10, reads_factor: 3 });
        let count = |records, hour| watch.count(CRM, Some("a.martin"), records, at(hour));
        assert_eq!(count(10, 1), None, "the floor is never out of the usual");
        assert_eq!(count(30, 2), None, "three times the busiest hour");
        assert_eq!(count(90, 3), None);
        assert_eq!(count(270, 4), None);
        assert_eq!(count(1, 5), None);
        assert_eq!(count(810, 5), Some(Unusual { reads: 811, usual: 270 }));
        assert_eq!(count(5000, 5), None, "it is told already");
        assert_eq!(watch.count(CRM, Some("j.bond"), 11, at(5)), Some(Unusual { reads: 11, usual: 0 }));
    }

    #[test]
    fn a_week_later_a_busy_hour_is_forgotten() {
        let watch = Watch::new(AlertLimits { reads_floor: 10, reads_factor: 3 });
        assert!(watch.count(CRM, None, 1000, at(1)).is_some());
        assert_eq!(watch.count(CRM, None, 2000, at(1 + WEEK)), None);
        assert_eq!(watch.count(CRM, None, 6000, at(2 + WEEK)), None);
        assert!(watch.count(CRM, None, 11, at(3 + 3 * WEEK)).is_some());
    }
}
