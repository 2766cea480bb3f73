//! The moment before which what is kept for a time of its own is past it: entries of the log, and answered requests.

use coffre_core::time::Timestamp;
use time::{Date, Duration, Month};

use crate::keeping::day;
use crate::retention::{LogRule, Period, RequestRule};

impl LogRule {
    /// Entries before this moment are past their time.
    pub fn cutoff(&self, now: Timestamp) -> Timestamp {
        cutoff(self.keep, now)
    }
}

impl RequestRule {
    /// Requests that were answered before this moment are past their time.
    pub fn cutoff(&self, now: Timestamp) -> Timestamp {
        cutoff(self.keep, now)
    }
}

/// The beginning of the day that lies so far back.
fn cutoff(keep: Period, now: Timestamp) -> Timestamp {
    let today = day(now);
    let months = i32::from(keep.years) * 12 + i32::from(keep.months);
    let index = today.year() * 12 + i32::from(u8::from(today.month())) - 1 - months;
    let month = u8::try_from(index.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let Some(month) = month else { return Timestamp::from_micros(0) };
    let year = index.div_euclid(12);
    let date = Date::from_calendar_date(year, month, today.day().min(month.length(year))).unwrap_or(Date::MIN);
    let date = date.saturating_sub(Duration::days(i64::from(keep.days)));
    Timestamp::from_micros(date.midnight().assume_utc().unix_timestamp().saturating_mul(1_000_000))
}
