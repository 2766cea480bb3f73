//! Calendar dates of records: `YYYY-MM-DD`, existing days only. Reads no clock, knows no time zone.

use thiserror::Error;
use time::{Date, Month};

/// Why something is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DateFault {
    /// Not of the form `YYYY-MM-DD`.
    #[error("not a date: write it as YYYY-MM-DD")]
    Form,
    /// No such day, such as 30 February.
    #[error("an impossible date: this day is not in the calendar")]
    Impossible,
    /// Outside the years that a record can speak of.
    #[error("a date out of range: expected a year from {FIRST_YEAR} to {LAST_YEAR}")]
    Range,
}

/// The first year accepted: nobody alive was born before.
pub const FIRST_YEAR: i32 = 1850;
/// The last year accepted; legacy systems write 9999-12-31 for «without an end».
pub const LAST_YEAR: i32 = 9999;

/// The date of these numbers, if there is such a day.
pub fn of(year: i32, month: u8, day: u8) -> Result<Date, DateFault> {
    if !(FIRST_YEAR..=LAST_YEAR).contains(&year) {
        return Err(DateFault::Range);
    }
    let month = Month::try_from(month).map_err(|_| DateFault::Impossible)?;
    Date::from_calendar_date(year, month, day).map_err(|_| DateFault::Impossible)
}

/// The date that a text of the form `YYYY-MM-DD` names.
pub fn parse(text: &str) -> Result<Date, DateFault> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return Err(DateFault::Form) };
    let year = number(&[y1, y2, y3, y4])?;
    let month = number(&[m1, m2])?;
    let day = number(&[d1, d2])?;
    let small = |n: u16| u8::try_from(n).map_err(|_| DateFault::Impossible);
    of(i32::from(year), small(month)?, small(day)?)
}

/// The text of a date, as records hold it.
pub fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

fn number(digits: &[u8]) -> Result<u16, DateFault> {
    digits.iter().try_fold(0_u16, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u16::from(byte - b'0')),
        _ => Err(DateFault::Form),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_that_exist() {
        for text in ["1984-02-29", "2000-02-29", "1850-01-01", "9999-12-31", "2026-11-22"] {
            assert_eq!(iso(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn days_that_do_not() {
        for text in ["1983-02-29", "1900-02-29", "2026-02-30", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00"] {
            assert_eq!(parse(text), Err(DateFault::Impossible), "{text}");
        }
        for text in ["0000-01-01", "1849-12-31"] {
            assert_eq!(parse(text), Err(DateFault::Range), "{text}");
        }
        for text in ["", "22/11/2026", "2026-1-1", "2026-11-2a", "20261122", "+026-11-22", "2026-11-22 ", "２026-11-22"]
        {
            assert_eq!(parse(text), Err(DateFault::Form), "{text}");
        }
        assert_eq!(of(2026, 2, 255), Err(DateFault::Impossible));
        assert_eq!(of(i32::MAX, 1, 1), Err(DateFault::Range));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in ".*") {
            if let Ok(date) = parse(&text) {
                prop_assert_eq!(iso(date), text);
            }
        }
    }
}
