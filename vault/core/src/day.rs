//! Days of the calendar, for what is due on a day and not at a moment. Reads no clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::time::Timestamp;

/// Text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a day of the calendar: write it as YYYY-MM-DD")]
pub struct DayError;

/// A day of the calendar, written `YYYY-MM-DD`. Its text sorts as the days do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// The day of a moment in UTC. In France, whose clocks are an hour or two ahead, the calendar shows the next day already
    /// for as long before midnight UTC; nowhere on earth is it further ahead than that day.
    pub fn of(moment: Timestamp) -> Self {
        Self(OffsetDateTime::from_unix_timestamp(moment.as_seconds()).map_or(Date::MIN, OffsetDateTime::date))
    }

    /// The same day some months later, or the month's last one where it has no such day (Regulation 1182/71, article 3(2)(c)).
    #[must_use]
    pub fn plus_months(self, months: u16) -> Self {
        let months = i32::from(u8::from(self.0.month())) - 1 + i32::from(months);
        let year = self.0.year() + months.div_euclid(12);
        let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
        let Some(month) = month else { return Self(Date::MAX) };
        let day = self.0.day().min(month.length(year));
        Self(Date::from_calendar_date(year, month, day).unwrap_or(Date::MAX))
    }

    /// Some days later.
    #[must_use]
    pub fn plus_days(self, days: u16) -> Self {
        Self(self.0.saturating_add(Duration::days(i64::from(days))))
    }

    /// Some days later, or earlier.
    #[must_use]
    pub fn shifted(self, days: i32) -> Self {
        Self(self.0.saturating_add(Duration::days(i64::from(days))))
    }

    /// Day of the month, month (from 1) and year.
    pub fn parts(self) -> (u8, u8, i32) {
        (self.0.day(), u8::from(self.0.month()), self.0.year())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, month, year) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let mut parts = text.split('-');
        let mut number = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()));
            part.and_then(|part| part.parse::<u16>().ok()).ok_or(DayError)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let small = |number: u16| u8::try_from(number).map_err(|_| DayError);
        let month = Month::try_from(small(month)?).map_err(|_| DayError)?;
        if parts.next().is_some() {
            return Err(DayError);
        }
        Date::from_calendar_date(i32::from(year), month, small(day)?).map(Self).map_err(|_| DayError)
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn months_end_on_days_that_exist() {
        for (begin, months, end) in [
            ("2026-08-31", 1, "2026-09-30"),
            ("2026-01-30", 1, "2026-02-28"),
            ("2028-01-31", 1, "2028-02-29"),
            ("2026-12-05", 1, "2027-01-05"),
            ("2026-11-30", 3, "2027-02-28"),
            ("2026-03-15", 0, "2026-03-15"),
        ] {
            assert_eq!(begin.parse::<Day>().unwrap().plus_months(months).to_string(), end, "{begin} and {months}");
        }
    }

    #[test]
    fn text_and_back() {
        for text in ["2026-02-28", "2028-02-29", "0001-01-01"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["2026-02-29", "2026-2-28", "28/02/2026", "2026-02-28T00:00:00Z", "2026-13-01", "", "2026-02-28-1"]
        {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
        let moment: Timestamp = "2026-11-25T23:59:59Z".parse().unwrap();
        assert_eq!(Day::of(moment).to_string(), "2026-11-25");
    }
}
